/**
 * @module Traditional models: logistic regression, support vector machines, naive Bayes, neighbours, forests, boosted trees; features of texts and images
 * for them; Shapley values of trees.
 */
export type { Target } from "./gradient-boosting.js";
export { type BoostingOptions, type Boosted, fitGradientBoosting } from "./gradient-boosting.js";
export { fitLinearSvm, fitLinearSvr } from "./linear-svm.js";
export { fitLogisticRegression } from "./logistic-regression.js";
export type { LinearModel, LinearOptions } from "./linear.js";
export { denseMatrix, type DenseMatrix, type Matrix, type SparseMatrix } from "./matrix.js";
export { type FittedMethod, type Method, type MethodOptions, METHODS, type Rows } from "./methods.js";
export { fitGaussianNaiveBayes, fitMultinomialNaiveBayes } from "./naive-bayes.js";
export { fitRandomForest, type ForestOptions } from "./random-forest.js";
export { plainModel, SCORES } from "./score-graphs.js";
export { cellSide, hog } from "./hog.js";
export { applyTfIdf, fitTfIdf, type TfIdf, tfIdfModel, type TfIdfOptions, type TokenRows } from "./tf-idf.js";
export { type TreeEnsemble, treeScores } from "./tree-ensemble.js";
export { treeNodeOf, treesFromModel, treesToModel } from "./tree-file.js";
export { interventionalShap, pathDependentShap, type TreeShap } from "./tree-shap.js";
