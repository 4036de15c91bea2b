/** @module What follows compiling: builds the studio, the page of `descent label`, where its sources have changed, and leaves each docstring in one place. */
import { keepDocstringsOnce } from "./docstrings-once.mjs";
import { buildStudio } from "./setup.mjs";

keepDocstringsOnce();
buildStudio();
