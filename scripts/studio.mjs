/** @module What follows compiling: builds the studio, the page of `descent label`, where its sources have changed, and leaves each docstring in one place. */
import { buildStudio, finishBuild } from "./setup.mjs";

finishBuild();
buildStudio();
