/* SPDX-License-Identifier: MIT */
/* Conveniences on top of a page that works without them: local times as tooltips, and the full check with its progress. */
"use strict";

for (const time of document.querySelectorAll("time[datetime]")) {
  const date = new Date(time.dateTime);
  if (!Number.isNaN(date.getTime())) time.title = date.toLocaleString();
}

/* What a server that does not answer as it should has said, in words. */
async function refusal(answer) {
  if (/json/.test(answer.headers.get("Content-Type"))) {
    const problem = await answer.json().catch(() => ({}));
    if (problem.title) return problem.detail ? `${problem.title}: ${problem.detail}` : problem.title;
  }
  if (answer.status >= 502 && answer.status <= 504) return `the web server did not reach the log (${answer.status}); it may be starting: try again`;
  return `the server answered ${answer.status} ${answer.statusText}`;
}

/* Each line of the answer is a JSON object; the last one is the verdict. */
async function part(href, verdict) {
  let answer;
  try {
    answer = await fetch(href, { headers: { Accept: "application/x-ndjson" }, credentials: "same-origin" });
  } catch {
    throw new Error("the server could not be reached: try again");
  }
  if (!answer.ok) throw new Error(await refusal(answer));
  const reader = answer.body.pipeThrough(new TextDecoderStream()).getReader();
  let text = "";
  let last = {};
  try {
    for (;;) {
      const { value, done } = await reader.read();
      if (done) return last;
      const lines = (text + value).split("\n");
      text = lines.pop();
      for (const line of lines) last = JSON.parse(line);
      if ("done" in last) verdict.textContent = `${last.done} of ${last.of}`;
    }
  } catch {
    return {};
  }
}

/* All parts, where one answer does not get to the end. */
async function verify(href, verdict) {
  verdict.className = "";
  verdict.textContent = "checking …";
  let result = await part(href, verdict);
  while (result.ok && !result.complete && result.resume) result = await part(`${href}&resume=${result.resume}`, verdict);
  return result;
}

function words(result) {
  if (!("ok" in result)) return ["warn", "! the answer broke off: nothing is said, try again"];
  if (!result.ok) {
    const first = result.errors[0];
    const where = first.last ? `; records ${first.seq} to ${first.last}` : result.first_bad === null ? "" : `; the first bad record is ${result.first_bad}`;
    return ["bad", `✗ ${first.code}: ${first.detail}` + where];
  }
  if (!result.complete || result.unjudged) return ["warn", `! ${result.checked.leaves} records hold, the rest was not reached`];
  return ["good", `✓ ${result.checked.leaves} records hold`];
}

/* The sign and the banner as the server has them now. */
async function refresh() {
  const answer = await fetch(location.href, { credentials: "same-origin" });
  const page = new DOMParser().parseFromString(await answer.text(), "text/html");
  for (const id of ["seal", "banner"]) {
    const now = page.getElementById(id);
    if (now) document.getElementById(id).replaceWith(now);
  }
}

const link = document.getElementById("verify");
let busy = false;
if (link) {
  link.addEventListener("click", async (event) => {
    event.preventDefault();
    if (busy) return;
    busy = true;
    link.setAttribute("aria-disabled", "true");
    const verdict = document.getElementById("verdict");
    try {
      [verdict.className, verdict.textContent] = words(await verify(link.href, verdict));
      await refresh().catch(() => {});
    } catch (error) {
      [verdict.className, verdict.textContent] = ["warn", `! ${error.message}`];
    }
    link.removeAttribute("aria-disabled");
    busy = false;
  });
}
