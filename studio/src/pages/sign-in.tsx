/** Signing in, and joining by an invitation. */
import { useQuery, useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import type { FormEvent, ReactNode } from "react";
import { server } from "../server.js";
import { useTitle } from "../title.js";
import { useWords } from "../words.js";

interface FormProps {
  readonly title: string;
  readonly action: string;
  readonly autoComplete: "current-password" | "new-password";
  readonly children?: ReactNode;
  readonly onSend: (name: string, password: string) => Promise<unknown>;
}

function PasswordForm({ title, action, autoComplete, children, onSend }: FormProps) {
  const words = useWords();
  const [failure, setFailure] = useState<string>();
  useTitle(title);
  const send = async (event: FormEvent<HTMLFormElement>): Promise<void> => {
    event.preventDefault();
    const form = new FormData(event.currentTarget);
    try {
      await onSend(String(form.get("name")), String(form.get("password")));
    } catch (error) {
      setFailure((error as Error).message);
    }
  };
  return (
    <form className="card" onSubmit={(event) => void send(event)}>
      <h1>{title}</h1>
      {children}
      <label>
        {words.name}
        <input name="name" autoComplete="username" required maxLength={100} />
      </label>
      <label>
        {words.password}
        <input
          name="password"
          type="password"
          autoComplete={autoComplete}
          required
          minLength={autoComplete === "new-password" ? 10 : 1}
          maxLength={1000}
        />
        {autoComplete === "new-password" ? <small>{words.passwordRule}</small> : null}
      </label>
      {failure === undefined ? null : <p role="alert">{failure}</p>}
      <button type="submit" className="main">
        {action}
      </button>
    </form>
  );
}

export function SignInPage() {
  const words = useWords();
  const queries = useQueryClient();
  return (
    <PasswordForm
      title={words.signIn}
      action={words.signIn}
      autoComplete="current-password"
      onSend={async (name, password) => {
        await server.signIn(name, password);
        await queries.invalidateQueries({ queryKey: ["me"] });
      }}
    />
  );
}

/** The secret stands behind the # of the link, so that it reaches no server's log. */
export function JoinPage({ onJoined }: { readonly onJoined: () => void }) {
  const words = useWords();
  const [secret] = useState(() => location.hash.slice(1));
  const invitation = useQuery({ queryKey: ["invitation"], queryFn: () => server.invitation(secret), staleTime: Infinity });
  const queries = useQueryClient();
  const role = invitation.data?.role;
  if (role == null)
    return (
      <div className="card">
        <h1>{words.join}</h1>
        {invitation.isPending ? <p>{words.loading}</p> : <p role="alert">{words.noInvitation}</p>}
      </div>
    );
  return (
    <PasswordForm
      title={words.join}
      action={words.join}
      autoComplete="new-password"
      onSend={async (name, password) => {
        await server.accept(secret, name, password);
        onJoined();
        await queries.invalidateQueries({ queryKey: ["me"] });
      }}
    >
      <p>{words.joinAs(words[role])}</p>
    </PasswordForm>
  );
}
