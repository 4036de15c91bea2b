/** @module Builds the studio, the page of `descent label`, where its sources have changed. */
import { buildStudio } from "./setup.mjs";

buildStudio();
