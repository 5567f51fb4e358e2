// The live connection: numbered changes say that something is new, a fetch of this same address brings what it is.
// A number that is missing, another run of the server, or a new connection: everything is fetched again.
import { io } from "./socket.io.js";
import { serverNow, setNow, span, tick } from "./clock.js";
import { patch } from "./patch.js";

const NUMBER = "X-Page-Number";
const SHORTEST_REST = 250;
const LONGEST_REST = 5000;
const REGULAR = 10000;
const AGAIN = 2000;

const root = document.documentElement;
const heard = { boot: "", number: -1 };
let shownAt = Date.parse(root.dataset.now);
let fetching = false;
let again = false;
let timer = 0;
let notBefore = 0;
let lostBecause = "";

function topics() {
  return document.getElementById("content").dataset.topics.split(/\s+/);
}

function say(text, kind) {
  const connection = document.getElementById("connection");
  if (connection.textContent !== text) connection.textContent = text;
  connection.dataset.kind = kind;
}

function lost(reason) {
  lostBecause = reason;
  root.classList.add("stale");
  say("Not live", "lost");
  showLoss();
}

function showLoss() {
  const line = document.getElementById("lost");
  line.hidden = !lostBecause;
  if (!lostBecause) return;
  const age = span((serverNow() - shownAt) / 1000);
  line.textContent = `${lostBecause} The figures below are ${age} old, of ${new Date(shownAt).toLocaleTimeString()}. Trying again …`;
}

function found() {
  lostBecause = "";
  root.classList.remove("stale");
  say("Live", "live");
  showLoss();
}

function schedule(wait = 0) {
  clearTimeout(timer);
  timer = setTimeout(refresh, Math.max(wait, notBefore - Date.now(), 0));
}

function show(text) {
  const fresh = new DOMParser().parseFromString(text, "text/html");
  setNow(fresh.documentElement.dataset.now);
  shownAt = Date.parse(fresh.documentElement.dataset.now);
  root.dataset.zone = fresh.documentElement.dataset.zone;
  for (const part of fresh.querySelectorAll("[data-live]")) {
    const old = document.getElementById(part.id);
    if (old) patch(old, part);
  }
  const asOf = fresh.getElementById("as-of");
  if (asOf) document.getElementById("as-of").textContent = asOf.textContent;
  tick();
  document.dispatchEvent(new Event("pageshown"));
}

async function refresh() {
  if (document.hidden) {
    again = true;
    return;
  }
  if (fetching) {
    again = true;
    return;
  }
  fetching = true;
  again = false;
  const began = Date.now();
  const wanted = heard.number;
  try {
    const answer = await fetch(location.pathname + location.search, {
      headers: { Accept: "text/html", [NUMBER]: `${heard.boot}:${wanted}` },
      cache: "no-store",
      signal: AbortSignal.timeout(10000),
    });
    if (answer.redirected || answer.status === 401 || answer.status === 403) {
      location.reload();
      return;
    }
    if (!answer.ok) throw new Error(answer.status === 503 ? "The database does not answer." : `The server says ${answer.status}.`);
    show(await answer.text());
    const [boot, number] = (answer.headers.get(NUMBER) || ":").split(":");
    if (boot === heard.boot && Number(number) < wanted) again = true;
    if (socket.connected) found();
  } catch (error) {
    lost(error.name === "Error" ? error.message : "The connection is lost.");
    again = true;
    notBefore = Date.now() + AGAIN;
  } finally {
    fetching = false;
    const took = Date.now() - began;
    // Many pages do not ask in step, and a slow server is asked less often.
    const rest = Math.min(Math.max(SHORTEST_REST, took * 4), LONGEST_REST) * (0.8 + 0.4 * Math.random());
    notBefore = Math.max(notBefore, Date.now() + rest);
    if (again) schedule();
  }
}

let socket;

export function start() {
  socket = io("/page", { transports: ["websocket", "polling"], reconnectionDelay: 300, reconnectionDelayMax: 3000 });
  socket.on("hello", ({ boot, number }) => {
    const [shownBoot, shown] = root.dataset.position.split(":");
    const known = heard.boot ? heard.boot === boot && heard.number === number && !lostBecause : shownBoot === boot && Number(shown) === number;
    Object.assign(heard, { boot, number });
    const zoned = Intl.DateTimeFormat().resolvedOptions().timeZone === root.dataset.zone;
    if (known && zoned) found();
    else schedule();
  });
  socket.on("changes", ({ boot, after, number, topics: changed }) => {
    const gap = heard.boot !== boot || heard.number < after;
    Object.assign(heard, { boot, number });
    const mine = topics();
    if (gap || changed.includes("all") || mine.includes("all") || changed.some((topic) => mine.includes(topic))) schedule();
  });
  socket.on("disconnect", (reason) => {
    lost("The connection is lost.");
    if (reason === "io server disconnect") location.reload();
  });
  socket.on("connect_error", () => lost("The connection is lost."));
  setInterval(() => socket.connected && schedule(), REGULAR);
  setInterval(showLoss, 1000);
  document.addEventListener("visibilitychange", () => !document.hidden && again && schedule());
}
