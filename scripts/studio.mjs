/** @module What follows compiling: builds the studio, the page of `descent label`, where its sources have changed, and shortens internal declarations. */
import { buildStudio, shortenTypes } from "./setup.mjs";

buildStudio();
shortenTypes();
