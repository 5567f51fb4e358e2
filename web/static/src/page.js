// Every page: the viewer's zone for the server, the look, the clocks, and the live connection where it is installed.
import { startClocks } from "./clock.js";
import { startTheme } from "./theme.js";

const YEAR = 31536000;

export function keep(name, value) {
  const secure = location.protocol === "https:" ? "; Secure" : "";
  document.cookie = `${name}=${value}; Path=/; Max-Age=${YEAR}; SameSite=Lax${secure}`;
}

keep("zone", Intl.DateTimeFormat().resolvedOptions().timeZone || "UTC");
startClocks();
startTheme(keep);
// A page that the browser kept shows what was, and its form was sent.
addEventListener("pageshow", (event) => event.persisted && location.replace(location.href));
// A page of trouble shows nothing that could change.
if (document.documentElement.dataset.position && !document.getElementById("not-live")) {
  import("./live.js").then((live) => live.start());
}
