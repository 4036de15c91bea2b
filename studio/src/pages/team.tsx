/** The people of a labelling: what each one did, how far they agree, and invitations. */
import { useQuery } from "@tanstack/react-query";
import { useState } from "react";
import { server } from "../server.js";
import type { Me, Person } from "../server.js";
import { useWords } from "../words.js";

const ROLES: readonly Person["role"][] = ["annotator", "adjudicator", "owner"];

function Invite() {
  const words = useWords();
  const [role, setRole] = useState<Person["role"]>("annotator");
  const [link, setLink] = useState<string>();
  const invite = async (): Promise<void> => {
    const { secret } = await server.invite(role);
    setLink(`${location.origin}/join#${secret}`);
  };
  return (
    <div className="card">
      <label>
        {words.invite}{" "}
        <select value={role} onChange={(event) => setRole(event.target.value as Person["role"])}>
          {ROLES.map((one) => (
            <option key={one} value={one}>
              {words[one]}
            </option>
          ))}
        </select>
      </label>
      <button type="button" className="main" onClick={() => void invite()}>
        {words.invite}
      </button>
      {link === undefined ? null : (
        <p>
          {words.inviteLink} <code className="link">{link}</code>
        </p>
      )}
    </div>
  );
}

export function TeamPage({ me }: { readonly me: Me }) {
  const words = useWords();
  const progress = useQuery({ queryKey: ["progress"], queryFn: server.progress, refetchInterval: 5000 });
  const agreement = useQuery({ queryKey: ["agreement"], queryFn: server.agreement });
  const nameOf = (id: string): string => progress.data?.people.find((person) => person.id === id)?.name ?? id.slice(0, 6);
  return (
    <section className="team">
      <div className="scroll-x" tabIndex={0} role="region" aria-label={words.team}>
        <table>
          <thead>
            <tr>
              {[words.name, words.role, words.submitted, words.skipped, words.seconds, words.gold].map((title) => (
                <th key={title} scope="col">
                  {title}
                </th>
              ))}
            </tr>
          </thead>
          <tbody>
            {progress.data?.people.map(({ id, name, role, submitted, skipped, seconds, gold }) => (
              <tr key={id}>
                <th scope="row">
                  <bdi>{name}</bdi>
                </th>
                <td>{words[role]}</td>
                <td>{submitted}</td>
                <td>{skipped}</td>
                <td>{seconds.toFixed(1)}</td>
                <td>{gold.answered === 0 ? "–" : `${gold.right} / ${gold.answered}`}</td>
              </tr>
            ))}
          </tbody>
        </table>
      </div>
      <h2>{words.agreement}</h2>
      {agreement.data?.pairs.length ? (
        <>
          <p>
            {(agreement.data.measure === "alpha" ? words.alpha : words.f1) +
              words.colon +
              (agreement.data.overall?.toFixed(3) ?? "–")}
          </p>
          <ul>
            {agreement.data.pairs.map(({ a, b, items, value }) => (
              <li key={`${a} ${b}`}>
                <bdi>{nameOf(a)}</bdi>
                {words.comma}
                <bdi>{nameOf(b)}</bdi>
                {words.colon}
                {agreement.data.measure === "alpha" ? "κ" : "F1"} {value?.toFixed(3) ?? "–"} ({items})
              </li>
            ))}
          </ul>
        </>
      ) : (
        <p className="quiet">{words.noAgreement}</p>
      )}
      {me.team && me.person?.role === "owner" ? <Invite /> : null}
    </section>
  );
}
