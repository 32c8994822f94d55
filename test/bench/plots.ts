import { BarChart, LineChart } from "echarts/charts";
import { GridComponent, LegendComponent, TitleComponent } from "echarts/components";
import { type EChartsCoreOption, init, setPlatformAPI, use } from "echarts/core";
import { SVGRenderer } from "echarts/renderers";
import { type Comparison, type Road, rowsOf } from "./compare.ts";
import type { Measured } from "./figures.ts";
import type { Curve } from "./scale.ts";

/** The figures as SVG. On a card of their own, so that they read alike on light pages and on dark ones. */

use([BarChart, LineChart, GridComponent, LegendComponent, TitleComponent, SVGRenderer]);

// No fonts are measured here: widths are those of a wide one, so that texts nowhere meet.
setPlatformAPI({
  measureText: (text: string, font = "12px") => ({
    width: text.length * 0.57 * Number(/(\d+(?:\.\d+)?)px/.exec(font)?.[1] ?? 12),
  }),
});

const WIDTH = 1_060;
const PANEL_HEIGHT = 250;
const INK = "#243b53";
const FAINT = "#627d98";
const RULE = "#d9e2ec";
const FONT = "system-ui, sans-serif";

/** Ours stands out; the rest recede. */
const COLOURS: Record<Measured["side"], string[]> = {
  service: ["#2563eb", "#7aa7f7"],
  floor: ["#829ab1", "#bcccdc", "#52606d"],
  peer: ["#de911d", "#f7c948"],
};

const TITLES: Record<Road, string> = {
  create: "Creating a command",
  status: "Reading its status",
  call: "The whole round trip",
};

/** Requests a second and median latency of each contestant, road by road. */
export function plotComparison({ races }: Comparison): string {
  const roads = [...races];
  const grids: object[] = [];
  const titles: object[] = [];
  const xAxis: object[] = [];
  const yAxis: object[] = [];
  const series: object[] = [];
  // A peer may not be in every race.
  const peers = [
    ...new Set(
      roads.flatMap(([, run]) =>
        rowsOf(run)
          .filter(({ side }) => side === "peer")
          .map(({ name }) => name),
      ),
    ),
  ];
  for (const [row, [road, run]] of roads.entries()) {
    const contestants = rowsOf(run);
    for (const [column, figure] of (["rate", "p50"] as const).entries()) {
      const index = grids.length;
      const left = column === 0 ? 70 : WIDTH / 2 + 60;
      grids.push({
        left,
        top: 70 + row * (PANEL_HEIGHT + 60),
        width: WIDTH / 2 - 110,
        height: PANEL_HEIGHT - 80,
      });
      titles.push({
        text: `${TITLES[road]}: ${figure === "rate" ? "requests/s (more is better)" : "p50 in ms (less is better)"}`,
        left: left - 50,
        top: 14 + row * (PANEL_HEIGHT + 60),
        textStyle: { fontSize: 14, color: INK, fontFamily: FONT },
      });
      const names = contestants[0]?.figures.map(({ atOnce }) => `${atOnce} at once`) ?? [];
      xAxis.push({ ...axis("category"), gridIndex: index, data: names });
      const least = Math.min(...contestants.flatMap(({ figures }) => figures.map((at) => at[figure])));
      const bottom = 10 ** Math.floor(Math.log10(least * 0.9));
      // Bars of a logarithmic axis would else begin at 1, and hang down from it.
      yAxis.push({ ...axis("log"), gridIndex: index, min: bottom, startValue: bottom });
      const seen = { service: 0, floor: 0, peer: 0 };
      for (const { name, side, figures } of contestants) {
        const place = side === "peer" ? peers.indexOf(name) : seen[side]++;
        const colour = COLOURS[side][place % COLOURS[side].length];
        series.push({
          type: "bar",
          name,
          xAxisIndex: index,
          yAxisIndex: index,
          itemStyle: { color: colour },
          data: figures.map((at) => at[figure]),
        });
      }
    }
  }
  const legend = roads.map(([, run], row) => ({
    ...legendStyle,
    top: row * (PANEL_HEIGHT + 60) + PANEL_HEIGHT + 16,
    left: "center",
    data: rowsOf(run).map(({ name }) => name),
  }));
  const height = roads.length * (PANEL_HEIGHT + 60) + 10;
  return render({ grid: grids, title: titles, xAxis, yAxis, series, legend }, height);
}

/** How a cost changes with the size of something: level lines are what is wanted. */
export function plotCurves(curves: readonly Curve[]): string {
  const grids: object[] = [];
  const titles: object[] = [];
  const legends: object[] = [];
  const xAxis: object[] = [];
  const yAxis: object[] = [];
  const series: object[] = [];
  for (const [index, { title, unit, over, lines }] of curves.entries()) {
    const row = index >> 1;
    const left = index % 2 === 0 ? 70 : WIDTH / 2 + 60;
    const top = row * (PANEL_HEIGHT + 40);
    grids.push({ left, top: top + 104, width: WIDTH / 2 - 110, height: PANEL_HEIGHT - 115 });
    titles.push({
      text: title,
      subtext: `${unit}, over ${over}`,
      left: left - 50,
      top: top + 8,
      textStyle: { fontSize: 14, color: INK, fontFamily: FONT },
      subtextStyle: { fontSize: 12, color: FAINT, fontFamily: FONT },
    });
    legends.push({
      ...legendStyle,
      left: left - 55,
      top: top + 50,
      width: WIDTH / 2 - 60,
      data: lines.map(({ name }) => name),
    });
    xAxis.push({
      ...axis("category"),
      gridIndex: index,
      data: (lines[0]?.points ?? []).map(({ x }) => x.toLocaleString("en")),
    });
    yAxis.push({ ...axis("value"), gridIndex: index, min: 0 });
    for (const [at, { name, points }] of lines.entries()) {
      series.push({
        type: "line",
        name,
        xAxisIndex: index,
        yAxisIndex: index,
        symbolSize: 7,
        color: ["#2563eb", "#de911d", "#0c6b58", "#829ab1"][at % 4],
        data: points.map(({ y }) => y),
      });
    }
  }
  const height = Math.ceil(curves.length / 2) * (PANEL_HEIGHT + 40) + 10;
  return render({ grid: grids, title: titles, xAxis, yAxis, series, legend: legends }, height);
}

const legendStyle = {
  itemGap: 8,
  itemWidth: 14,
  itemHeight: 10,
  textStyle: { color: INK, fontFamily: FONT, fontSize: 12 },
};

function axis(type: "category" | "log" | "value"): object {
  return {
    type,
    axisLabel: { color: FAINT, fontFamily: FONT, fontSize: 12 },
    axisLine: { lineStyle: { color: RULE } },
    splitLine: { lineStyle: { color: RULE } },
  };
}

function render(option: EChartsCoreOption, height: number): string {
  const chart = init(null, null, { renderer: "svg", ssr: true, width: WIDTH, height });
  chart.setOption({ animation: false, backgroundColor: "#fff", ...option });
  const svg = chart.renderToSVGString();
  chart.dispose();
  return `${svg}\n`;
}
