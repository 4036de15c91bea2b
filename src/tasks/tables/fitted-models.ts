/**
 * @module Traditional models of tables, over encoded columns: for trees with gaps and category codes, for the others as networks see them.
 */
import type { DenseMatrix, Method, Rows, Target } from "../../classical/index.js";
import { denseMatrix, METHODS, plainModel } from "../../classical/index.js";
import type { Dataset } from "../../data/index.js";
import { TabularPreprocessor } from "../../data/index.js";
import type { Tensor } from "../../graph/index.js";
import { input, symbol, toNumbers } from "../../graph/index.js";
import { concat, oneHot } from "../../ops/index.js";
import type { Design } from "../shared/fitted.js";
import { fittedMethod, targetOf } from "../shared/fitted.js";
import type { FitData, FittedChoice } from "../task.js";
import type { TableInfo } from "./tables.js";

/** Tells whether a model of tables is made of trees, whose columns are encoded otherwise. */
export const readsTrees = (name: string): boolean => METHODS.some((method) => method.name === name && method.trees);

/** Encoded columns, and a column for each category of those that a network embeds. */
function matrixOf(rows: Dataset, { featureNames, categories }: TableInfo): DenseMatrix {
  const features = toNumbers(rows.tensor("features"));
  const [n, own] = [rows.length, featureNames.length];
  const width = own + categories.reduce((sum, size) => sum + size, 0);
  const values = new Float32Array(n * width);
  const codes = categories.length === 0 ? new Float64Array() : toNumbers(rows.tensor("categories"));
  for (let i = 0; i < n; i++) {
    values.set(features.subarray(i * own, (i + 1) * own), i * width);
    let start = i * width + own;
    for (const [c, size] of categories.entries()) {
      values[start + (codes[i * categories.length + c] as number)] = 1;
      start += size;
    }
  }
  return denseMatrix(values, width);
}

/** The same as a graph. */
function fileOf({ featureNames, categories }: TableInfo) {
  const n = symbol("N");
  const features = input("features", [n, featureNames.length]);
  if (categories.length === 0) return plainModel({ x: features.mul(1) }, [features]);
  const codes = input("categories", [n, categories.length], "int32");
  const columns = codes.split(
    categories.map(() => 1),
    1,
  );
  const spread = categories.map((size, c) => oneHot((columns[c] as Tensor).squeeze(1), size, { dtype: "float32" }));
  return plainModel({ x: concat([features, ...spread], 1) }, [features, codes]);
}

function designOf({ info, train, validation }: FitData<TableInfo>, { trees }: Method): Promise<Design> {
  const rowsOf = (part: Dataset): Rows => ({ x: matrixOf(part, info), target: targetOf(part, info.classes.length) });
  const roles = { features: "features", ...(info.categories.length === 0 ? {} : { categories: "categories" }) };
  const { codes } = TabularPreprocessor.fromJSON(info.preprocessing);
  return Promise.resolve({
    train: rowsOf(train),
    validation: rowsOf(validation),
    file: fileOf(info),
    inputs: roles,
    categorical: trees ? codes : undefined,
  });
}

/** Methods that predict classes, or a quantity. */
export const fittedTables = (kind: Target["kind"]): FittedChoice<TableInfo>[] =>
  METHODS.filter(({ predicts }) => predicts.includes(kind)).map((method) => fittedMethod(method, designOf));
