// Ages and countdowns go on between two fetches, by the server's clock. Figures are never made here.
let ahead = 0;

export function setNow(iso) {
  if (iso) ahead = Date.parse(iso) - Date.now();
}

export function serverNow() {
  return Date.now() + ahead;
}

const UNITS = [[86400, "d", 3600, "h"], [3600, "h", 60, "min"], [60, "min", 1, "s"]];

export function coarse(seconds) {
  const whole = Math.max(Math.floor(seconds), 0);
  const unit = UNITS.find(([large]) => whole >= large);
  return unit ? `${Math.floor(whole / unit[0])} ${unit[1]}` : `${whole} s`;
}

export function span(seconds) {
  const whole = Math.max(Math.floor(seconds), 0);
  for (const [large, name, small, smaller] of UNITS) {
    if (whole >= large) {
      const rest = Math.floor((whole % large) / small);
      return `${Math.floor(whole / large)} ${name}` + (rest ? ` ${rest} ${smaller}` : "");
    }
  }
  return `${whole} s`;
}

export function tick() {
  const now = serverNow();
  for (const element of document.querySelectorAll("time[data-ago], time[data-until]")) {
    const at = Date.parse(element.dateTime);
    const text = "ago" in element.dataset ? `${coarse((now - at) / 1000)} ago` : span((at - now) / 1000);
    if (element.textContent !== text) element.textContent = text;
  }
}

export function startClocks() {
  setNow(document.documentElement.dataset.now);
  tick();
  setInterval(tick, 1000);
}
