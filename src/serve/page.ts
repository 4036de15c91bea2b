/**
 * @module The page to try each model on: static, in both languages, and with nothing from elsewhere.
 */
import type { Hono } from "hono";
import type { Guarded } from "../http/guards.js";
import { PAGE_SCRIPT } from "./page-script.js";

/** Paths of the page. */
export const PAGE_PATHS: readonly string[] = ["/", "/try.js", "/try.css"];

const POLICY =
  "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self' data: blob:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

const HTML = `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>descent serve</title>
<link rel="stylesheet" href="/try.css">
<link rel="icon" href="data:,">
</head>
<body>
<header><h1>descent serve</h1><button id="language" type="button"></button></header>
<main>
<section>
<label for="key" data-word="key"></label><input id="key" type="password" autocomplete="off">
<label for="model" data-word="model"></label><select id="model"></select>
<p id="about"></p>
</section>
<form id="form">
<div id="inputs"></div>
<div class="buttons"><button type="submit" data-word="send"></button><button id="explain" type="button" data-word="explain"></button></div>
</form>
<section id="answer" aria-live="polite"></section>
<section><h2 data-word="same"></h2><pre id="curl"></pre><p><a href="/openapi.json">openapi.json</a></p></section>
</main>
<script src="/try.js" type="module"></script>
</body>
</html>
`;

const CSS = `:root{color-scheme:light dark;font:16px/1.5 system-ui,sans-serif}
body{margin:0 auto;max-width:46rem;padding:1rem}
header{display:flex;justify-content:space-between;align-items:center;border-bottom:1px solid #8886}
h1{font-size:1.3rem;margin:.4rem 0}h2{font-size:1rem;margin:1rem 0 .3rem}
label{display:block;font-weight:600;margin:.8rem 0 .2rem}
input:not([type=file]),select,textarea{box-sizing:border-box;width:100%;font:inherit;padding:.4rem;border:1px solid #8888;border-radius:.3rem;background:Field;color:FieldText}
textarea{min-height:6rem}
button{font:inherit;padding:.35rem .9rem;border:1px solid #8888;border-radius:.3rem;background:ButtonFace;color:ButtonText;cursor:pointer}
button[type=submit]{background:#1b5fbf;color:#fff;border-color:#1b5fbf}
button:disabled{opacity:.5;cursor:default}
.buttons{display:flex;gap:.6rem;margin:.8rem 0}
.bar{display:grid;grid-template-columns:minmax(6rem,14rem) 1fr 4.5rem;gap:.5rem;align-items:center;margin:.15rem 0}
.bar span:first-child{overflow:hidden;text-overflow:ellipsis;white-space:nowrap}
.bar span:last-child{text-align:right;font-variant-numeric:tabular-nums}
.bar svg,#answer img{width:100%}
.bar svg{height:.9rem}
#answer img{background:#fff;border-radius:.3rem}
pre{overflow:auto;padding:.6rem;border:1px solid #8884;border-radius:.3rem;white-space:pre-wrap;overflow-wrap:anywhere}
.failure{color:#b3261e;font-weight:600}
.grid{display:grid;grid-template-columns:repeat(auto-fill,minmax(12rem,1fr));gap:0 .8rem}
#about{opacity:.75;margin:.4rem 0}
`;

/** Adds the page. */
export function addPageRoutes(app: Hono<Guarded>): void {
  const send = (path: string, text: string, type: string): void => {
    app.get(path, (c) =>
      c.body(text, 200, {
        "content-type": `${type}; charset=utf-8`,
        "content-security-policy": POLICY,
        "cache-control": "no-cache",
      }),
    );
  };
  send("/", HTML, "text/html");
  send("/try.css", CSS, "text/css");
  send("/try.js", PAGE_SCRIPT, "text/javascript");
}
