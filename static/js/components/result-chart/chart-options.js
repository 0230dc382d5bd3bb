// @ts-check
/**
 * How uPlot draws curves of results: error bars, the paper's hollow marks, named ticks, bars beside
 * each other.
 *
 * @typedef {import("../../evaluation-types.js").ChartData} ChartData
 * @typedef {import("../../evaluation-types.js").ChartSeries} ChartSeries
 */
import uPlot from "../../../vendor/uplot-1.6.32/uPlot.esm.js";

const AXIS_FONT = "13px Instrument Sans";
const DASHES = [[], [9, 5], [2, 4], [14, 4, 3, 4], [6, 3, 2, 3]];
const PAPER_DASH = [2, 4];
const WHISKER_PX = 4;
const MARK_PX = 5;
const BAR_SHARE = 0.8;
/** Where curves differ by dashes, bars differ by how full they are: hexadecimal alphas. */
const BAR_ALPHAS = ["", "66", "1f", "b3", "40"];
const CROWDED_LETTERS_PX = 7;
const TICK_PX = 34;

/** @param {string} name */
export function colour(name) {
  return getComputedStyle(document.documentElement).getPropertyValue(name).trim();
}

/** @param {ChartSeries} series */
export const dashOf = (series) => (series.paper ? PAPER_DASH : DASHES[series.dash % DASHES.length]);

/**
 * Bars of a group stand beside each other, and the paper's mark stands on its bar.
 * @param {ChartData} data
 * @param {boolean} bars
 */
export function alignedData(data, bars) {
  const own = data.series.filter(({ paper }) => !paper);
  const tables = data.series.map((series) => {
    const place = own.findIndex(({ title }) => title === baseTitle(series));
    const shift = bars ? (BAR_SHARE * (place - (own.length - 1) / 2)) / own.length : 0;
    return [series.points.map(({ x }) => x + shift), series.points.map(({ y }) => y)];
  });
  return tables.length > 1
    ? uPlot.join(/** @type {any} */ (tables))
    : /** @type {uPlot.AlignedData} */ (tables[0] ?? [[], []]);
}

/** @param {ChartSeries} series */
function baseTitle(series) {
  return series.paper ? series.key.replace(/ \(paper\)$/, "") : series.title;
}

/**
 * @param {ChartData} data
 * @param {{width: number, height: number, bars: boolean, hidden: Set<string>, onPoint: (index: number | null) => void}} parts
 * @returns {uPlot.Options}
 */
export function chartOptions(data, { width, height, bars, hidden, onPoint }) {
  const own = data.series.filter(({ paper }) => !paper).length;
  return {
    width,
    height,
    legend: { show: false },
    cursor: { y: false, drag: { x: false, y: false }, points: { show: false } },
    scales: {
      x: {
        time: false,
        distr: data.doubling ? 3 : 1,
        log: 2,
        range: (_, low, high) => xRange(data, low, high, bars),
      },
      y: { range: (_, low, high) => yRange(data, low, high, bars) },
    },
    series: [
      {},
      ...data.series.map((series) => ({
        ...(bars && !series.paper ? barSeries(series, own) : lineSeries(series, bars)),
        show: !hidden.has(series.key),
      })),
    ],
    axes: axesOf(data, width),
    plugins: [marks(data, bars), errorBars(data, bars)],
    hooks: { setCursor: [(plot) => onPoint(plot.cursor.idx ?? null)] },
  };
}

/** @param {ChartSeries} series @param {boolean} bars @returns {uPlot.Series} */
function lineSeries(series, bars) {
  const stroke = colour(`--series-${series.slot}`);
  return {
    label: series.title,
    stroke,
    width: bars && series.paper ? 0 : series.paper ? 1.5 : 2.5,
    dash: dashOf(series),
    spanGaps: true,
    points: { show: !series.paper, size: 7, fill: stroke, dash: [] },
  };
}

/** @param {ChartSeries} series @param {number} count @returns {uPlot.Series} */
function barSeries(series, count) {
  const stroke = colour(`--series-${series.slot}`);
  return {
    label: series.title,
    stroke,
    fill: stroke + BAR_ALPHAS[series.dash % BAR_ALPHAS.length],
    width: 2,
    paths: uPlot.paths.bars?.({ size: [(BAR_SHARE / count) * 0.92, 90], radius: 0.08 }),
    points: { show: false },
  };
}

/** @param {ChartData} data @param {number} low @param {number} high @param {boolean} bars @returns {uPlot.Range.MinMax} */
function xRange(data, low, high, bars) {
  const margin = bars ? 0.5 : 0.25;
  if (data.ticks) return [-margin, data.ticks.length - 1 + margin];
  if (data.doubling) return [low / 1.1, high * 1.1];
  const room = (high - low) * 0.02 || 0.5;
  return [low - room, high + room];
}

/** @param {ChartData} data @param {number} low @param {number} high @param {boolean} bars @returns {uPlot.Range.MinMax} */
function yRange(data, low, high, bars) {
  if (data.percent) return [0, 100];
  const ends = data.series.flatMap(({ points }) =>
    points.flatMap((point) => [point.low ?? point.y, point.high ?? point.y]),
  );
  const [least, most] = [Math.min(low, ...ends), Math.max(high, ...ends)];
  if (least >= 0 && most <= 1) return [0, 1];
  const room = (most - least) * 0.08 || 1;
  return [bars || least >= 0 ? Math.min(0, least - room) : least - room, most + room];
}

/** @param {ChartData} data @param {number} width @returns {uPlot.Axis[]} */
function axesOf(data, width) {
  /** @type {uPlot.Axis} */
  const both = {
    stroke: colour("--ink-soft"),
    font: AXIS_FONT,
    labelFont: AXIS_FONT,
    grid: { stroke: colour("--line"), width: 1 },
    ticks: { show: false },
    labelSize: 22,
    labelGap: 0,
  };
  /** @type {uPlot.Axis} */
  const across = { ...both, label: data.xLabel, size: 32 };
  const { ticks } = data;
  const xs = [...new Set(data.series.flatMap(({ points }) => points.map(({ x }) => x)))];
  if (!ticks && (data.doubling || xs.length * TICK_PX < width)) {
    across.splits = () => xs.sort((a, b) => a - b);
    across.filter = (_, splits) => splits;
    across.values = (_, splits) => splits.map((x) => String(x));
  }
  if (ticks) {
    const longest = Math.max(0, ...ticks.map((tick) => tick.length)) * CROWDED_LETTERS_PX;
    const crowded = longest > (width - 80) / ticks.length;
    Object.assign(across, {
      splits: () => ticks.map((_, place) => place),
      filter: (/** @type {uPlot} */ _, /** @type {number[]} */ splits) => splits,
      values: (/** @type {uPlot} */ _, /** @type {number[]} */ splits) =>
        splits.map((place) => ticks[place] ?? ""),
      grid: { show: false },
      rotate: crowded ? -40 : 0,
      size: crowded ? Math.min(110, 26 + longest * 0.66) : 32,
    });
  }
  return [across, { ...both, label: data.yLabel, size: 46 }];
}

/**
 * Whiskers from the low to the high end of each interval.
 * @param {ChartData} data
 * @param {boolean} bars whether they stand on bars of their own colour
 * @returns {uPlot.Plugin}
 */
function errorBars(data, bars) {
  return eachPoint(data, (ctx, { x, low, high }, series) => {
    if (low === null || high === null) return;
    const reach = WHISKER_PX * devicePixelRatio;
    ctx.strokeStyle = colour(bars ? "--ink" : `--series-${series.slot}`);
    ctx.lineWidth = 1.5 * devicePixelRatio;
    ctx.beginPath();
    ctx.moveTo(x, low);
    ctx.lineTo(x, high);
    for (const end of [low, high]) {
      ctx.moveTo(x - reach, end);
      ctx.lineTo(x + reach, end);
    }
    ctx.stroke();
  });
}

/**
 * The paper's numbers as hollow diamonds.
 * @param {ChartData} data
 * @param {boolean} bars
 * @returns {uPlot.Plugin}
 */
function marks(data, bars) {
  return eachPoint(data, (ctx, { x, y }, series) => {
    if (!series.paper) return;
    const reach = MARK_PX * devicePixelRatio;
    ctx.strokeStyle = colour(bars ? "--ink" : `--series-${series.slot}`);
    ctx.fillStyle = colour("--surface");
    ctx.lineWidth = 2 * devicePixelRatio;
    ctx.beginPath();
    ctx.moveTo(x, y - reach);
    ctx.lineTo(x + reach, y);
    ctx.lineTo(x, y + reach);
    ctx.lineTo(x - reach, y);
    ctx.closePath();
    ctx.fill();
    ctx.stroke();
  });
}

/**
 * Call back with canvas positions of every point that is shown.
 * @param {ChartData} data
 * @param {(ctx: CanvasRenderingContext2D, at: {x: number, y: number, low: number | null, high: number | null}, series: ChartSeries) => void} draw
 * @returns {uPlot.Plugin}
 */
function eachPoint(data, draw) {
  return {
    hooks: {
      draw(plot) {
        const { ctx } = plot;
        ctx.save();
        data.series.forEach((series, place) => {
          if (!plot.series[place + 1]?.show) return;
          const xs = plot.data[0].filter((_, index) => plot.data[place + 1][index] != null);
          series.points.forEach((point, index) => {
            const up = (/** @type {number | null} */ value) =>
              value === null ? null : plot.valToPos(value, "y", true);
            const x = plot.valToPos(xs[index] ?? point.x, "x", true);
            const y = plot.valToPos(point.y, "y", true);
            draw(ctx, { x, y, low: up(point.low), high: up(point.high) }, series);
          });
        });
        ctx.restore();
      },
    },
  };
}
