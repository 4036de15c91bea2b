/**
 * @module `chain`: parts one after another make an optimizer.
 */
import type { Parameter, Tensor } from "../graph/index.js";
import { ConfigError } from "../util/errors.js";
import type {
  GroupSettings,
  Optimizer,
  ParameterGroup,
  Part,
  PartContext,
  Slot,
  Update,
  UpdateInputs,
  Updates,
} from "./optimizer.js";
import { factorAlgebra, scaleBy } from "./optimizer.js";
import type { StatePrecision } from "./state-precision.js";
import { dequantized, quantized, quantizedSlot, scaleName, STATE_PRECISIONS } from "./state-precision.js";
import { expectOption } from "../util/described.js";
import { matchesPath } from "../util/patterns.js";
import { shown } from "../util/shown.js";

const NO_SETTINGS: GroupSettings = {};

/** Each part with the prefix of its slots and scalars: its name, and a number where the name occurs again. */
function withPrefixes(parts: readonly Part[]): { part: Part; prefix: string }[] {
  const times = new Map<string, number>();
  return parts.map((part) => {
    const { name } = part.description;
    const n = (times.get(name) ?? 0) + 1;
    times.set(name, n);
    return { part, prefix: n === 1 ? name : `${name}${n}` };
  });
}

/** Parts in order, those of optimizers among them; groups of all of them. */
function flattened(links: readonly (Part | Optimizer)[]): {
  parts: Part[];
  groups: ParameterGroup[];
  state: StatePrecision;
} {
  return {
    state: links.some((link) => "parts" in link && link.state === "int8") ? "int8" : "float32",
    parts: links.flatMap((link) => ("parts" in link ? link.parts : [link])),
    groups: links.flatMap((link) => ("parts" in link ? link.groups : [])),
  };
}

/**
 * An optimizer from parts, or from parts and other optimizers: `chain(clipByGlobalNorm(1), adamW())`. Gradients pass the parts
 * in order; exactly one part applies the learning rate.
 *
 *     w ← (1 − decay)·w − scale·direction, with what the parts made of the gradient
 *
 * Errors: ConfigError unless exactly one part has a learning rate.
 *
 * @example
 * import { meanSquaredError } from "descentjs/losses";
 * import { Linear } from "descentjs/nn";
 * import { adamW, chain, clipByGlobalNorm, cosine } from "descentjs/optim";
 * import { train } from "descentjs/train";
 * const learningRate = cosine({ peak: 0.1, warmupSteps: 5 });
 * const optimizer = chain(clipByGlobalNorm(1), adamW({ learningRate, weightDecay: 0.01 }));
 * const rows = Array.from({ length: 64 }, (_, i) => ({ x: [i / 32 - 1], y: [i / 16 - 2] }));
 * const run = await train(new Linear(1, 1), { data: rows, target: "y", loss: meanSquaredError(), optimizer, epochs: 20, seed: 1 });
 * console.log(run.summary.steps > 0); // true
 * await run.dispose();
 */
export function chain(...links: readonly (Part | Optimizer)[]): Optimizer {
  const { parts, groups, state } = flattened(links);
  return build(parts, groups, state);
}

/**
 * The same optimizer with other settings for some parameters, chosen by path; groups given here come before those it has.
 *
 * @example
 * import { adamW, withGroups } from "descentjs/optim";
 * const groups = [{ match: ["*.bias", "*norm*"], weightDecay: 0 }, { match: "encoder.*", learningRateMultiplier: 0.1 }];
 * console.log(withGroups(adamW(), groups).groups.length); // 2
 */
export const withGroups = (optimizer: Optimizer, groups: readonly ParameterGroup[]): Optimizer =>
  build(optimizer.parts, [...groups, ...optimizer.groups], optimizer.state);

/**
 * The same optimizer with its state kept otherwise: `int8` keeps the slots of parameters of 4,096 numbers or more as codes of 8 bits in blocks of 256,
 * a quarter of the memory. On the CPU and in WebAssembly.
 *
 * Source: Dettmers et al. 2022, arXiv:2110.02861 (`codeOf` says what differs).
 * Errors: ConfigError for another name.
 */
export function withState(optimizer: Optimizer, state: StatePrecision): Optimizer {
  if (!STATE_PRECISIONS.includes(state))
    throw new ConfigError(`optimizer: state: expected ${STATE_PRECISIONS.join(" or ")}, got ${shown(state)}`);
  return build(optimizer.parts, optimizer.groups, state);
}

/** ConfigError unless a group says what it should. */
function checkGroup({ match, learningRateMultiplier, weightDecay, frozen }: ParameterGroup): void {
  const patterns = typeof match === "string" ? [match] : match;
  if (!Array.isArray(patterns) || patterns.some((pattern) => typeof pattern !== "string"))
    throw new ConfigError(`parameter group: match: expected a pattern or a list of them, got ${JSON.stringify(match)}`);
  if (learningRateMultiplier !== undefined) expectOption("parameter group: learningRateMultiplier", learningRateMultiplier, 0);
  if (weightDecay !== undefined) expectOption("parameter group: weightDecay", weightDecay, 0);
  if (frozen !== undefined && typeof frozen !== "boolean")
    throw new ConfigError(`parameter group: frozen: expected true or false, got ${shown(frozen)}`);
}

/** The arrays of a part's slots for a parameter, by name: two for a slot that is kept in 8 bits. */
function slotArrays(part: Part, parameter: Parameter, precision: StatePrecision): [string, Slot][] {
  return Object.entries(part.slots?.(parameter) ?? {}).flatMap(([name, slot]): [string, Slot][] => {
    const inCodes = precision === "int8" ? quantizedSlot(slot, part.nonNegativeSlots?.includes(name) === true) : undefined;
    if (inCodes === undefined) return [[name, slot]];
    return [
      [name, inCodes.codes],
      [scaleName(name), inCodes.scale],
    ];
  });
}

/** Reads and writes the slots of a part, by the keys of the state that begin with its prefix. */
function slotAccess(
  { nonNegativeSlots = [] }: Part,
  prefix: string,
  { parameters, state }: UpdateInputs,
  newState: Map<string, Tensor>,
): Pick<PartContext, "slot" | "setSlot"> {
  const key = (slot: string, path: string): string => `${prefix}.${slot}/${path}`;
  const dimsOf = (path: string): readonly number[] => given(parameters, path, "parameter").shape as readonly number[];
  return {
    slot: (slot, path) => {
      const kept = given(state, key(slot, path), "slot");
      const scale = state.get(key(scaleName(slot), path));
      return scale === undefined ? kept : dequantized(kept, scale, nonNegativeSlots.includes(slot), dimsOf(path));
    },
    setSlot: (slot, path, value) => {
      const isQuantized = state.has(key(scaleName(slot), path));
      if (!isQuantized) return void newState.set(key(slot, path), value);
      const { codes, scale } = quantized(value, nonNegativeSlots.includes(slot), dimsOf(path));
      newState.set(key(slot, path), codes);
      newState.set(key(scaleName(slot), path), scale);
    },
  };
}

function build(parts: readonly Part[], groups: readonly ParameterGroup[], precision: StatePrecision): Optimizer {
  groups.forEach(checkGroup);
  const prefixed = withPrefixes(parts);
  const schedules = parts.flatMap((part) => (part.schedule === undefined ? [] : [part.schedule]));
  const [schedule] = schedules;
  if (schedule === undefined || schedules.length > 1) {
    throw new ConfigError(
      `chain: expected one part with a learning rate (sgd, adam, scaleByLearningRate), got ${schedules.length}`,
    );
  }
  const hostScalars = new Map(
    prefixed.flatMap(({ part, prefix }) =>
      Object.entries(part.scalars ?? {}).map(([name, value]) => [`${prefix}.${name}`, value] as const),
    ),
  );
  const settings = new Map<string, GroupSettings>();
  const group = (path: string): GroupSettings => {
    const found = settings.get(path) ?? groups.find(({ match }) => matchesPath(match, path)) ?? NO_SETTINGS;
    settings.set(path, found);
    return found;
  };
  const trained = <P>(parameters: ReadonlyMap<string, P>): Map<string, P> =>
    new Map([...parameters].filter(([path]) => group(path).frozen !== true));

  /** The first `count` parts, and the rest of what an update needs of them. */
  const begin = (
    count: number,
    inputs: UpdateInputs,
  ): {
    updates: Updates;
    newState: Map<string, Tensor>;
    metrics: Map<string, Tensor>;
    contextOf: (prefixed: { readonly part: Part; readonly prefix: string }) => PartContext;
  } => {
    const { parameters, gradients, scalars } = inputs;
    const newState = new Map<string, Tensor>();
    const metrics = new Map<string, Tensor>();
    const algebra = factorAlgebra(parameters);
    const contextOf = ({ part, prefix }: { readonly part: Part; readonly prefix: string }): PartContext => ({
      ...algebra,
      parameters,
      group,
      ...slotAccess(part, prefix, inputs, newState),
      scalar: (name) => given(scalars, `${prefix}.${name}`, "scalar"),
      report: (name, value) => metrics.set(name, value),
    });
    let updates: Updates = new Map([...trained(gradients)].map(([path, direction]) => [path, { direction, scale: 1, decay: 0 }]));
    for (const each of prefixed.slice(0, count)) updates = each.part.update?.(updates, contextOf(each)) ?? updates;
    return { updates, newState, metrics, contextOf };
  };

  return {
    parts,
    groups,
    schedule,
    state: precision,
    description: {
      parts: parts.map((part) => part.description),
      groups: groups.map(({ match, ...settings }) => ({ match, ...settings })),
      ...(precision === "float32" ? {} : { state: precision }),
    },
    settings: group,
    trained,
    slots: (parameters: ReadonlyMap<string, Parameter>) =>
      new Map(
        prefixed.flatMap(({ part, prefix }) =>
          [...trained(parameters)].flatMap(([path, parameter]) =>
            slotArrays(part, parameter, precision).map(
              ([name, slot]) => [`${prefix}.${name}/${path}`, { ...slot, path }] as const,
            ),
          ),
        ),
      ),
    scalarNames: [...hostScalars.keys()],
    scalars: (info) => Object.fromEntries([...hostScalars].map(([name, value]) => [name, value(info)])),

    updatesBefore: (count, inputs) => {
      const { updates, newState, metrics } = begin(count, inputs);
      return { updates, state: newState, metrics };
    },

    update: (inputs) => {
      const { parameters, gradients, scaledGradients } = inputs;
      const begun = begin(prefixed.length, inputs);
      const { newState, metrics, contextOf } = begun;
      let { updates } = begun;

      const factor = scaledGradients === undefined ? undefined : commonScale(updates, gradients);
      if (factor !== undefined) {
        const scaled = scaledGradients?.(factor);
        updates = new Map(
          [...updates].map(([path, update]) => [
            path,
            { ...update, direction: given(scaled ?? gradients, path, "gradient"), scale: 1 },
          ]),
        );
      }
      const kept = new Map<Update["decay"], Update["decay"]>();
      let values: ReadonlyMap<string, Tensor> = new Map(
        [...updates].map(([path, { direction, scale, decay }]) => {
          const w = given(parameters, path, "parameter");
          if (!kept.has(decay)) kept.set(decay, typeof decay === "number" ? 1 - decay : decay.neg().add(1));
          return [path, scaleBy(w, kept.get(decay) as Update["decay"]).sub(scaleBy(direction, scale))];
        }),
      );
      for (const each of prefixed) values = each.part.finish?.(values, contextOf(each)) ?? values;
      return { parameters: new Map(values), state: newState, metrics };
    },
  };
}

/** The scalar that multiplies every gradient, where all updates are their gradients times one scalar tensor. */
function commonScale(updates: ReadonlyMap<string, Update>, gradients: ReadonlyMap<string, Tensor>): Tensor | undefined {
  const scales = new Set([...updates.values()].map(({ scale }) => scale));
  const [scale] = scales;
  const untouched = [...updates].every(([path, { direction }]) => direction === gradients.get(path));
  return scales.size === 1 && typeof scale === "object" && untouched ? scale : undefined;
}

function given(map: ReadonlyMap<string, Tensor>, name: string, what: string): Tensor {
  const value = map.get(name);
  if (value === undefined) throw new ConfigError(`optimizer: expected the ${what} "${name}" among the inputs, got none`);
  return value;
}
