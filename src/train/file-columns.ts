/**
 * @module Columns for `train` from a file of a table: its cells encoded by what the training part teaches.
 */
import type { Dataset, TableSchema, TableSource } from "../data/index.js";
import { guessRoles, holdOut, parseTable, TabularPreprocessor } from "../data/index.js";
import { ConfigError } from "../util/errors.js";
import type { DataParts } from "./table-data.js";
import type { Columns, TrainOptions } from "./train-model.js";

/** A file of the page: read, a tenth held out as test and a tenth of the rest for validation, and encoded. */
export async function fileColumns(
  source: TableSource,
  { target, seed = 0 }: Pick<TrainOptions, "target" | "seed">,
): Promise<Columns> {
  const { data, schema, where } = await parseTable(source);
  const roles = guessRoles(data, target === undefined ? {} : { targetColumn: target });
  const held = holdOut({ train: data }, roles.target, { seed }, []);
  return tableColumns({ ...held, name: where, roles, schema });
}

/** A table of a file, encoded as numbers by what its training part teaches. ConfigError where no column is to be predicted. */
export function tableColumns({
  name,
  train,
  validation,
  test,
  roles: { target },
  schema,
}: Required<DataParts> & {
  readonly name: string;
  readonly roles: { readonly target?: string };
  readonly schema?: TableSchema | undefined;
}): Columns {
  if (target === undefined) throw new ConfigError(`train: ${name}: expected a column to predict; name it with target`);
  const preprocessor = TabularPreprocessor.fit(train, { target, schema });
  const encode = (part: Dataset): Dataset => preprocessor.apply(part, { withTarget: true });
  return {
    name,
    train: encode(train),
    validation: validation && encode(validation),
    test: test && encode(test),
    input: "features",
    inputs: ["features"],
    target: "target",
    maximum: 1,
    encode: (rows) => (rows.has("features") ? rows : preprocessor.apply(preprocessor.read(rows))),
  };
}
