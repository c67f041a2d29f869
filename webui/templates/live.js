/* The run that goes on: bar, phases, numbers, checks, picture. */

function mode() {
  if (!state || !state.view) { return "idle"; }
  if (state.running) { return "running"; }
  return "over";
}

function sentence() {
  var view = state && state.view;
  if (!view) { return state && state.refused ? "Refused" : "Ready: press Start"; }
  if (!state.running) {
    if (view.not_restored) { return "NOT RESTORED"; }
    if (!view.run_id) { return "Ended in preflight"; }
    if (isOther()) { return "Shown below: run " + shownRun; }
    if (found) { return found.verdict.toUpperCase() + " \u2014 " + found.reason; }
    return view.failure ? "Ended early: " + view.failure : "Over";
  }
  var left = view.seconds_left === null ? "" : ", " + Math.round(view.seconds_left) + " s to go";
  var ending = view.failure ? view.phase + " \u2014 ending early: " + view.failure : "";
  var doing = view.awaited || view.text;
  return ending || view.phase + left + (doing ? " \u2014 " + doing : "");
}

/* Whether a judged run is shown that is not the last one of this process. */
function isOther() { return Boolean(shownRun && state.view && shownRun !== state.view.run_id); }

function bar() {
  var act = el("act"), now = mode(), down = isDown();
  el("now").textContent = sentence();
  act.hidden = false;
  act.className = now === "running" ? "stop" : "";
  var ran = now === "over" && state.view.run_id;
  act.textContent = now === "running" ? stopWords() : ran ? "Run again" : now === "over" ? "Try again" : "Start";
  var tone = now !== "over" || isOther() ? "" : found ? TONES[found.verdict] : state.view.not_restored || !ran ? "bad" : "";
  document.querySelector(".bar").className = ("bar " + tone).trim();
  var ending = now === "running" && Boolean(state.view.failure) && state.view.phase !== "reconcile";
  act.disabled = now === "running" && (!state.may_act || ending);
  el("viewer").hidden = !(state && state.running && !state.may_act);
  var missing = missingNow();
  var title = now === "running" ? (down ? state.view.state.word.toUpperCase() : state.view.phase) +
    (missing ? " \u00b7 " + missing + " not in Kafka" : "") : now;
  document.title = title + " \u00b7 Chaos";
  var icon = now === "running" ? (down ? "down" : missing ? "doubt" : "up") : "idle";
  var link = document.querySelector("link[rel=icon]");
  if (link.getAttribute("href") !== start.icons[icon]) { link.setAttribute("href", start.icons[icon]); }
}

function stopWords() {
  var view = state.view;
  if (view.phase === "reconcile") { return "Do not judge"; }
  return view.target && view.phase === "outage" ? "Stop and heal" : "Stop";
}

function isDown() {
  var view = state && state.view;
  return Boolean(view && view.state && (view.state.word === "down" || view.state.word === "degraded"));
}

function missingNow() {
  var view = state && state.view;
  var counted = view && view.snapshot && !view.uncounted && view.asked === "acknowledged";
  return counted ? view.snapshot.counts.without_event : 0;
}

function steps() {
  var view = state.view, place = el("steps");
  place.hidden = !view || (!state.running && isOther());
  if (place.hidden) { return; }
  fill(place, view.steps.map(function (step) {
    var hit = step.state === "now" && isDown() ? " hit" : "";
    if (step.name === "reconcile" && step.state === "done" && found) { hit = " " + TONES[found.verdict]; }
    var current = step.state === "now" ? "step" : null;
    return make("li", { "class": step.state.replace(" ", "-") + hit, "aria-current": current }, [
      make("span", {}, step.name), make("span", {}, step.words)
    ]);
  }));
}

function targetCard(view) {
  if (!view.target) { return card("the target", "none", "this run breaks nothing"); }
  var seen = view.state, word = seen ? seen.word : "unknown";
  if (view.not_restored) { return card("the " + view.target + " is", "NOT RESTORED", "not proven healed", "bad"); }
  if (!seen && view.phase === "reconcile") {
    return view.broken ? card("the " + view.target + " is", "back", "healed, and not probed any more") :
      card("the " + view.target, "not broken", "the run ended before that");
  }
  var tone = { up: "good", down: "bad", degraded: "bad", unknown: "doubt" }[word];
  return card("the " + view.target + " is", word.toUpperCase(), seen ? seen.how : "not probed yet", tone);
}

function backlogAge(view) {
  var age = view.snapshot.backlog_at === null ? 0 : view.snapshot.at - view.snapshot.backlog_at;
  return age >= 3 ? "; " + ago(age) : "";
}

function countCards(view) {
  var counts = view.snapshot.counts, never = view.read_s === null, old = never || view.read_s >= 1;
  var age = never ? "the topic has not been read to its end yet" :
    old ? ago(view.read_s) : "read " + Math.round(view.read_s * 1000) + " ms ago";
  var errors = counts.sent - counts.answered - counts.unanswered;
  var open = counts.unanswered ? ", " + count(counts.unanswered) + " not answered yet" : "";
  var first = card(view.asked, count(counts.answered),
    "of " + count(counts.sent) + " sent, " + count(errors) + (errors === 1 ? " error" : " errors") + open);
  if (view.asked !== "acknowledged") {
    var note = age + "; phantom if no row is found";
    return [first, card("their events in Kafka", count(counts.with_event), note, counts.with_event ? "bad" : "", old)];
  }
  var kafka = card("of these in Kafka", count(counts.with_event), age, "", old);
  var odd = view.snapshot.untagged;
  var may = odd === 1 ? " record without a tag may be an event of theirs" :
    " records without a tag may be events of theirs";
  var untagged = odd ? "; " + count(odd) + may : "";
  var stale = view.counted_s >= 1, when = view.phase === "reconcile" ? "being judged" :
    (stale ? ago(view.counted_s) + "; " : "") + "may still come; judged after the drain";
  var shown = [first, kafka, card("acknowledged, not in Kafka", count(counts.without_event),
    when + untagged, counts.without_event ? "bad" : "good", stale)];
  if (view.snapshot.backlog_problem) {
    var unread = "it could not be read: " + view.snapshot.backlog_problem;
    shown.push(card("pending in the outbox", "unknown", unread, "doubt"));
  }
  if (counts.waiting) {
    var pending = "acknowledged, not in Kafka yet" + backlogAge(view);
    shown.push(card("pending in the outbox", count(counts.waiting), pending, "doubt"));
  }
  if (counts.may_be_lost) {
    shown.push(card("ambiguous, not in Kafka", count(counts.may_be_lost), "may be lost too", "doubt"));
  }
  if (counts.event_only) {
    var judged = "whether they have a row is judged after the drain";
    shown.push(card("in Kafka, not acknowledged", count(counts.event_only), judged));
  }
  return shown;
}

function cards() {
  var view = state.view, place = el("cards");
  if (!(view && state.running)) { return; }
  place.hidden = false;
  var shown = [targetCard(view)];
  if (view.uncounted) { shown.push(card("live numbers", "none", view.uncounted, "doubt")); }
  else if (view.snapshot) { shown = shown.concat(countCards(view)); }
  fill(place, shown);
}

function checks() {
  var view = state.view, place = el("checks");
  place.hidden = !(view && state.running && view.phase === "preflight");
  if (!place.hidden) {
    fill(place, view.checks.map(function (one) { return make("li", {}, one.name + ": " + one.detail); }));
  }
}

function picture() {
  var view = state.view;
  if (!view || !state.running || !view.snapshot || view.uncounted) { return; }
  ask("/picture").then(function (answer) {
    if (!answer.ok || !answer.value || !state.running || state.view.run_id !== view.run_id) { return; }
    showPicture(answer.value);
  }, function () { /* the next answer shows it */ });
}

function showPicture(html) {
  var place = el("picture"), before = place.querySelector("input[type=range]");
  var held = touched && before ? Number(before.value) : null;
  var focused = before !== null && before === document.activeElement;
  fill(place, parsed(html));
  el("gap").hidden = false;
  var figure = place.querySelector("figure");
  el("gap-title").textContent = figure.querySelector("svg").getAttribute("aria-label");
  window.figureOf.wire(figure);
  if (held !== null) { window.figureOf.show(figure, held); }
  if (focused) { figure.querySelector("input[type=range]").focus(); }
}
