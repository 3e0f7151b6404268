/* SPDX-License-Identifier: MIT */
/* Conveniences on top of a page that works without them: local times as tooltips, and the full check with its progress. */
"use strict";

for (const time of document.querySelectorAll("time[datetime]")) {
  const date = new Date(time.dateTime);
  if (!Number.isNaN(date.getTime())) time.title = date.toLocaleString();
}

/* Each line of the answer is a JSON object; the last one is the verdict. */
async function verify(link, verdict) {
  verdict.textContent = "checking …";
  const answer = await fetch(link.href, { headers: { Accept: "application/x-ndjson" }, credentials: "same-origin" });
  if (!answer.ok) throw new Error((await answer.json()).title);
  const reader = answer.body.pipeThrough(new TextDecoderStream()).getReader();
  let text = "";
  let last = null;
  for (;;) {
    const { value, done } = await reader.read();
    if (done) break;
    text += value;
    const lines = text.split("\n");
    text = lines.pop();
    for (const line of lines) last = JSON.parse(line);
    if (last && "done" in last) verdict.textContent = `${last.done} of ${last.of}`;
  }
  return last;
}

function words(result) {
  if (!result || !("ok" in result)) return "the answer broke off";
  if (!result.ok) return `✗ ${result.errors[0].code}, first bad record ${result.first_bad}`;
  return `✓ ${result.checked.leaves} records hold` + (result.complete ? "" : ", the rest was not reached");
}

const link = document.getElementById("verify");
if (link) {
  link.addEventListener("click", (event) => {
    event.preventDefault();
    const verdict = document.getElementById("verdict");
    verify(link, verdict).then(
      (result) => {
        verdict.textContent = words(result);
        verdict.className = result && result.ok ? "good" : "bad";
      },
      (error) => {
        verdict.textContent = error.message;
        verdict.className = "bad";
      }
    );
  });
}
