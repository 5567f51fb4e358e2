// The account's curve as a chart that can be moved. Its points are those that the server drew.
import { createChart, LineSeries, LineStyle, LineType } from "./lightweight-charts.js";

const LINES = [
  { place: 1, name: "--link", width: 2, style: LineStyle.Solid, steps: false, title: "Equity" },
  { place: 2, name: "--ok", width: 2, style: LineStyle.Dotted, steps: true, title: "Mark" },
  { place: 4, name: "--fill-warn", width: 2, style: LineStyle.Dashed, steps: true, title: "Daily" },
  { place: 3, name: "--fill-bad", width: 2, style: LineStyle.Solid, steps: true, title: "Floor" },
];
const figures = new Intl.NumberFormat("en-US", { style: "currency", currency: "USD" });
const rounded = new Intl.NumberFormat("en-US", { style: "currency", currency: "USD", maximumFractionDigits: 0 });
const moment = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "short" });
const hour = new Intl.DateTimeFormat(undefined, { hour: "2-digit", minute: "2-digit" });
const date = new Intl.DateTimeFormat(undefined, { weekday: "short", day: "numeric", month: "short" });

let chart;
let plot;
let drawn = "";
let series = [];

function colour(name) {
  return getComputedStyle(document.documentElement).getPropertyValue(name).trim();
}

function look() {
  return {
    layout: { background: { color: colour("--card") }, textColor: colour("--faint"), fontSize: 11, attributionLogo: false },
    grid: { vertLines: { color: colour("--faint-line") }, horzLines: { color: colour("--faint-line") } },
    rightPriceScale: { borderColor: colour("--line") },
    timeScale: { borderColor: colour("--line") },
  };
}

function make(figure) {
  plot = document.createElement("div");
  plot.dataset.kept = "";
  plot.style.height = "100%";
  figure.querySelector(".plot").append(plot);
  chart = createChart(plot, {
    ...look(),
    autoSize: true,
    localization: { priceFormatter: (price) => figures.format(price), timeFormatter: (time) => moment.format(time * 1000) },
    handleScroll: { mouseWheel: false, vertTouchDrag: false },
    handleScale: { mouseWheel: false },
  });
  chart.timeScale().applyOptions({
    timeVisible: true,
    tickMarkFormatter: (time, type) => (type < 3 ? date : hour).format(time * 1000),
  });
  chart.priceScale("right").applyOptions({ scaleMargins: { top: 0.06, bottom: 0.06 } });
  series = LINES.map((line) =>
    chart.addSeries(LineSeries, {
      color: colour(line.name),
      lineWidth: line.width,
      lineStyle: line.style,
      lineType: line.steps ? LineType.WithSteps : LineType.Simple,
      title: line.title,
      priceLineVisible: false,
      crosshairMarkerVisible: line.place === 1,
      priceFormat: { type: "custom", minMove: 0.01, formatter: (price) => rounded.format(price) },
    }),
  );
  if (figure.dataset.lock) {
    series[3].createPriceLine({
      price: Number(figure.dataset.lock),
      color: colour("--faint"),
      lineWidth: 1,
      lineStyle: LineStyle.SparseDotted,
      axisLabelVisible: false,
      title: "floor locks here",
    });
  }
}

function fill(figure) {
  const byTime = new Map(JSON.parse(figure.dataset.points).map((point) => [point[0], point]));
  const points = [...byTime.values()].sort((one, other) => one[0] - other[0]);
  LINES.forEach((line, place) => {
    series[place].setData(points.map((point) => (point[line.place] === null ? { time: point[0] } : { time: point[0], value: point[line.place] })));
  });
  chart.timeScale().fitContent();
}

function show() {
  const figure = document.querySelector("figure.curve");
  if (!figure) return;
  if (!plot || !figure.contains(plot)) {
    drawn = "";
    chart?.remove();
    make(figure);
  }
  figure.dataset.moves = "";
  if (drawn === figure.dataset.points) return;
  drawn = figure.dataset.points;
  fill(figure);
}

show();
document.addEventListener("pageshown", show);
document.addEventListener("themechange", () => {
  if (!chart) return;
  chart.applyOptions(look());
  LINES.forEach((line, place) => series[place].applyOptions({ color: colour(line.name) }));
});
