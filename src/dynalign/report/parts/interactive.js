"use strict";
/* Draws what the page holds as data, in the page's own colours; sorts its tables, and filters all of it by factor.

   The library stands in the page, compressed. Nothing is asked of the network. A chart is drawn when it comes near the
   screen, and again when the filter, the window's width or the colour scheme changes. */
(() => {
  const page = JSON.parse(document.getElementById("page-data").textContent);
  const hidden = {}; // levels that the filter hides, by factor
  const drawn = new Map(); // what each chart on the screen was last drawn into
  const narrow = 560; // pixels below which names give way to numbers

  // Plotly reads a few tags in texts; a name has none.
  const plain = text => String(text).replace(/&/g, "&amp;").replace(/</g, "&lt;").replace(/>/g, "&gt;");
  const css = name => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
  const shown = of => Object.entries(of || {}).every(([factor, level]) => !(hidden[factor] || new Set()).has(level));
  const element = (tag, attributes = {}, text = "") => {
    const made = Object.assign(document.createElement(tag), attributes);
    if (text) made.textContent = text;
    return made;
  };
  const pen = document.createElement("canvas").getContext("2d");
  const widthOf = (texts, size) => {
    pen.font = `${size}px system-ui, sans-serif`;
    return Math.max(0, ...texts.map(text => pen.measureText(text).width));
  };

  // The same digits as everywhere else: dynalign.report.parts.numbers.
  function number(value) {
    if (value === null || value === undefined) return "–";
    if (value === "inf") return "∞";
    const size = Math.abs(value);
    if (size < 1e-9) return "0";
    if (size < 5e-4 || size >= 1e5) return value.toExponential(0).replace("+", "");
    const bounds = [[0.00995, 4], [0.9995, 3], [9.995, 2], [99.95, 1]];
    return value.toFixed((bounds.find(([bound]) => size < bound) || [0, 0])[1]);
  }
  const finite = value => (typeof value === "number" ? value : null);
  const unitOf = chart => (chart.unit && chart.unit !== "none" ? ` (${chart.unit})` : "");

  function layoutOf(more) {
    const ink = css("--ink"), line = css("--line");
    const axis = { gridcolor: line, zerolinecolor: line, linecolor: line, automargin: true, title: { standoff: 8 } };
    const base = {
      paper_bgcolor: "rgba(0,0,0,0)", plot_bgcolor: "rgba(0,0,0,0)", showlegend: false, hovermode: "closest",
      font: { color: ink, size: 12, family: "system-ui, -apple-system, Segoe UI, Roboto, sans-serif" },
      hoverlabel: { align: "left", bgcolor: css("--card"), bordercolor: css("--soft"), font: { color: ink, size: 13 } },
      margin: { l: 56, r: 14, t: 12, b: 46 }, modebar: { bgcolor: "rgba(0,0,0,0)", color: css("--soft"), activecolor: css("--accent") },
      dragmode: window.innerWidth < narrow ? false : "zoom",
    };
    const whole = { ...base, ...more };
    for (const name of ["xaxis", "yaxis", "xaxis2", "yaxis2"])
      if (whole[name]) whole[name] = { ...axis, ...whole[name], title: { ...axis.title, ...whole[name].title } };
    return whole;
  }
  const settings = title => ({
    // Nothing leaves the page: without this, a button uploads the figure.
    showSendToCloud: false, plotlyServerURL: "", displaylogo: false, showTips: false, scrollZoom: false, displayModeBar: window.innerWidth < narrow ? false : "hover",
    modeBarButtonsToRemove: ["select2d", "lasso2d", "autoScale2d", "toggleSpikelines"],
    toImageButtonOptions: { format: "svg", filename: title.replace(/[^\w.]+/g, "-") || "figure" },
  });
  const draw = (box, traces, layout, title) => window.Plotly.react(box, traces, layout, settings(title || "figure"));

  // ------------------------------------------------------------------------------------------------ controls
  function controls(box) {
    const bar = element("div", { className: "controls" });
    box.before(bar);
    return bar;
  }
  function choice(bar, label, options, change, value) {
    const whole = element("label", {}, label + " ");
    const select = element("select");
    options.forEach(([key, text]) => select.append(element("option", { value: key, selected: key === value }, text)));
    select.addEventListener("change", () => change(select.value));
    whole.append(select);
    bar.append(whole);
    return select;
  }
  const swatches = { solid: "solid", dash: "dashed", dot: "dotted", dashdot: "dashed", longdash: "dashed" };
  const marks = { circle: "●", square: "■", "triangle-up": "▲", diamond: "◆", "triangle-down": "▼", cross: "✚" };
  function legend(box, entries) {
    let list = box.nextElementSibling;
    if (!list || !list.classList.contains("legend")) {
      list = element("ul", { className: "legend" });
      box.after(list);
    }
    list.replaceChildren(...entries.map(entry => {
      const item = element("li");
      const mark = element("span", { className: entry.band ? "band" : entry.mark ? "mark" : "stroke" });
      if (entry.band) mark.style.background = entry.colour;
      else if (entry.mark) { mark.textContent = marks[entry.mark] || "●"; mark.style.color = entry.colour; }
      else mark.style.borderTop = `2.5px ${swatches[entry.dash] || "solid"} ${entry.colour}`;
      item.append(mark, entry.text);
      return item;
    }));
  }

  // ------------------------------------------------------------------------------------------------ kinds of charts
  const kinds = {};

  // A matrix of all against all: names, z, and where they are known floor, low and high; orders of its rows.
  kinds.matrix = (box, chart, state) => {
    if (!state.bar && chart.orders && chart.orders.length > 1) {
      state.order = chart.orders[0].name;
      state.bar = controls(box);
      const orders = chart.orders.map(({ name }) => [name, name]);
      choice(state.bar, "order of the rows", orders, key => { state.order = key; redraw(box); });
    }
    const order = ((chart.orders || []).find(({ name }) => name === state.order) || {}).order;
    const places = (order || chart.names.map((_, place) => place)).filter(place => shown((chart.of || [])[place]));
    const columns = chart.columns ? chart.columns.map((_, place) => place) : places;
    const across = chart.columns || chart.names;
    const count = Math.max(places.length, columns.length), room = box.parentElement.clientWidth;
    const brief = room < narrow || count > 40;
    const numbered = Boolean(chart.numbered);
    const label = (names, place) => (numbered ? (brief ? place + 1 : `${place + 1} · ${cut(names[place], 34)}`) : cut(names[place], brief ? 16 : 34));
    const down = places.map(place => String(label(chart.names, place))), along = columns.map(place => String(label(across, place)));
    const size = count > 24 ? 9 : 11;
    const named = count <= 80;
    const left = named ? widthOf(down, size) + 12 : 20;
    const slanted = brief && numbered ? 18 : 0.72 * widthOf(along, size) + 14;
    const right = room < narrow ? 52 : 74, bottom = named ? slanted : 16, top = room < narrow ? 8 : 30;
    const side = Math.max(80, Math.min(room - left - right, Math.max(150, 46 * count), 620));
    const high = side * places.length / Math.max(1, columns.length);
    const pick = values => places.map(i => columns.map(j => finite(values[i][j])));
    const cell = (i, j) => {
      const near = chart.low && chart.low[i][j] !== null;
      const interval = near ? ` [${number(chart.low[i][j])}, ${number(chart.high[i][j])}]` : "";
      const lines = [`<b>${number(chart.z[i][j])}${interval}</b>${plain(unitOf(chart))}`];
      lines.push(plain(name(chart.names, i)), plain(name(across, j)));
      if (chart.floor && chart.floor[i][j] !== null) lines.push(`floor ${number(chart.floor[i][j])}`);
      if (chart.counts) lines.push(`${chart.counts[i][j]} pairs of networks`);
      return lines.join("<br>");
    };
    const name = (names, place) => (numbered ? `${place + 1} · ${names[place]}` : names[place]);
    const wide = side / Math.max(1, columns.length), print = wide >= 28;
    const trace = {
      type: "heatmap", z: pick(chart.z), colorscale: "Viridis", zmin: 0, zmax: chart.top, xgap: count > 40 ? 0 : 1.5,
      ygap: count > 40 ? 0 : 1.5, hoverinfo: "text", hoverongaps: true, showscale: true,
      text: print ? places.map(i => columns.map(j => number(chart.z[i][j]))) : undefined,
      texttemplate: print ? "%{text}" : undefined, textfont: { size: Math.min(12, 0.3 * wide) },
      hovertext: places.map(i => columns.map(j => cell(i, j))),
      colorbar: { thickness: 11, outlinewidth: 0, len: 1, tickfont: { size: 11 }, nticks: 6, x: 1.02, xpad: 0 },
    };
    const axis = { tickmode: "array", showgrid: false, zeroline: false, ticks: "", tickfont: { size }, automargin: false,
      showticklabels: named, constrain: "domain", fixedrange: room < narrow };
    const layout = layoutOf({
      width: left + side + right, height: top + high + bottom, margin: { l: left, r: right, t: top, b: bottom },
      xaxis: { ...axis, tickvals: columns.map((_, at) => at), ticktext: along.map(plain), tickangle: brief && numbered ? 0 : -45 },
      yaxis: { ...axis, tickvals: places.map((_, at) => at), ticktext: down.map(plain), autorange: "reversed" },
    });
    return draw(box, [trace], layout, chart.title);
  };

  // Points of a plane.
  kinds.map = (box, chart) => {
    const places = chart.names.map((_, place) => place).filter(place => shown(chart.of[place]));
    const side = Math.min(box.parentElement.clientWidth, 480);
    const numbers = chart.names.length <= 40;
    const trace = {
      type: "scatter", mode: numbers ? "markers+text" : "markers", hoverinfo: "text",
      x: places.map(i => chart.x[i]), y: places.map(i => chart.y[i]),
      text: places.map(i => String(i + 1)), textposition: places.map(i => ["top center", "bottom center", "middle right", "middle left"][i % 4]), textfont: { size: 10, color: css("--soft") },
      hovertext: places.map(i => `${i + 1} · ${plain(chart.names[i])}`),
      marker: { size: 10, color: places.map(i => chart.colours[i]), symbol: places.map(i => chart.marks[i]),
        line: { width: 1, color: css("--card") } },
    };
    const range = [-chart.reach, chart.reach], unit = plain(unitOf(chart));
    const layout = layoutOf({
      width: side, height: side, margin: { l: 58, r: 8, t: side < 440 ? 8 : 30, b: 48 },
      xaxis: { title: { text: `MDS axis 1${unit}` }, range, zeroline: false, nticks: 6 },
      yaxis: { title: { text: `MDS axis 2${unit}` }, range, zeroline: false, nticks: 6, scaleanchor: "x" },
    });
    const looks = new Map(places.map(i => [chart.groups[i], { text: chart.groups[i], colour: chart.colours[i], mark: chart.marks[i] }]));
    legend(box, [...looks.values()]);
    return draw(box, [trace], layout, chart.title);
  };

  // Lines over x, with intervals; single networks faint behind means; a band of the floor; lines to compare with.
  kinds.lines = (box, chart) => {
    const traces = [], entries = [], all = [];
    const series = chart.series.filter(each => shown(each.of));
    if (chart.band) {
      const colour = fade(css("--ink"), 0.16), text = chart.band.text;
      traces.push({ type: "scatter", mode: "lines", x: chart.band.x, y: chart.band.y.map(finite), fill: "tozeroy",
        fillcolor: colour, line: { width: chart.band.x.length > 1 ? 0 : 6, color: colour }, hoverinfo: "text",
        hovertext: chart.band.y.map(y => `${plain(text)}<br>${number(y)}`) });
      entries.push({ text, band: true, colour });
    }
    for (const each of series.filter(one => one.low)) {
      const known = each.x.map((_, at) => at).filter(at => typeof each.low[at] === "number");
      const xs = known.map(at => each.x[at]);
      traces.push({ type: "scatter", mode: "lines", x: [...xs, ...xs.slice().reverse()], hoverinfo: "skip", fill: "toself",
        y: [...known.map(at => each.high[at]), ...known.map(at => each.low[at]).reverse()],
        fillcolor: fade(each.colour, 0.15), line: { width: 0 } });
    }
    for (const each of series) {
      const interval = at => (each.low && each.low[at] !== null ? ` [${number(each.low[at])}, ${number(each.high[at])}]` : "");
      if (!each.low) all.push(...each.y.map(finite));
      all.push(...(each.low || each.faint ? each.y.map(finite) : []));
      traces.push({
        type: "scatter", x: each.x, y: each.y.map(finite), hoverinfo: "text", connectgaps: false,
        mode: each.faint || (each.x.length > 1 && series.length > 24) ? "lines" : "lines+markers",
        opacity: each.faint ? 0.35 : 1, marker: { size: each.x.length > 24 ? 3 : 6, symbol: each.mark },
        line: { color: each.colour, dash: each.dash, width: each.faint ? 1 : 2.2 },
        hovertext: each.x.map((x, at) => `<b>${number(each.y[at])}${interval(at)}</b>${plain(unitOf(chart))}<br>${plain(each.name)}<br>` +
          `${plain(chart.xtitle)} ${x}${each.floor && each.floor[at] !== null ? `<br>floor ${number(each.floor[at])}` : ""}`),
      });
      if (each.legend) entries.push({ text: each.legend, colour: each.colour, dash: each.dash });
    }
    const shapes = [];
    for (const each of (chart.levels || []).filter(one => shown(one.of))) {
      shapes.push({ type: "line", xref: "paper", x0: 0, x1: 1, y0: each.y, y1: each.y, line: { color: each.colour || css("--soft"), width: 1.4, dash: each.dash || "dot" } });
      all.push(each.y);
      entries.push({ text: `${each.text} ${number(each.y)}`, colour: each.colour || css("--soft"), dash: each.dash || "dot" });
    }
    if (chart.band) all.push(...chart.band.y.map(finite));
    const values = all.filter(value => value !== null);
    const most = Math.max(...values, 0), least = Math.min(...values);
    const range = chart.log ? undefined : [0, chart.most || (most > 0.01 ? 1.08 * most : 0.01)];
    const layout = layoutOf({
      autosize: true, height: 320, shapes, margin: { l: 62, r: 12, t: 28, b: 46 },
      xaxis: { title: { text: plain(chart.xtitle) }, zeroline: false, nticks: 8, tickformat: chart.xformat },
      yaxis: { title: { text: plain(chart.ytitle + unitOf(chart)).replace(/ \(/, "<br>(") }, zeroline: false, range,
        nticks: 6, ...(chart.log && least > 0 ? logarithmic(least, most) : { type: "linear" }) },
    });
    legend(box, entries);
    return draw(box, traces, layout, chart.title);
  };
  // Ticks at 1, 2 and 5 of every decade; of many decades, at 1 alone.
  function logarithmic(least, most) {
    const first = Math.floor(Math.log10(least)), last = Math.ceil(Math.log10(most)), values = [];
    for (let power = first; power <= last; power++)
      for (const part of last - first > 3 ? [1] : [1, 2, 5]) values.push(part * 10 ** power);
    const range = [Math.log10(least) - 0.06, Math.log10(most) + 0.06];
    return { type: "log", tickmode: "array", tickvals: values, ticktext: values.map(value => String(Number(value.toPrecision(1)))), range };
  }
  const fade = (colour, share) => {
    const hex = colour.replace("#", "");
    return `rgba(${[0, 2, 4].map(at => parseInt(hex.slice(at, at + 2), 16)).join(",")},${share})`;
  };

  // A number of every network, by group: strips, violins behind many; the mean with its interval.
  kinds.strips = (box, chart, state) => {
    if (!state.bar && chart.choices.length > 1) {
      state.bar = controls(box);
      choice(state.bar, "show", chart.choices.map((each, at) => [String(at), each.name]), key => { state.at = Number(key); redraw(box); });
    }
    const what = chart.choices[state.at || 0];
    const groups = what.groups.filter(each => shown(each.of));
    const traces = [], annotations = [], shapes = [];
    const values = groups.flatMap(each => [...each.values, each.mean]).filter(value => typeof value === "number");
    groups.forEach((each, at) => {
      const y = -at;
      const known = each.values.map((_, place) => place).filter(place => typeof each.values[place] === "number");
      const beside = each.floor ? `<br>floor ${number(each.floor.value)}, up to ${number(each.floor.high)}` : "";
      if (each.floor) {
        const part = { type: "rect", x0: 0, x1: each.floor.high, y0: y - 0.24, y1: y + 0.24, layer: "below", line: { width: 0 }, fillcolor: fade(css("--ink"), 0.13) };
        const stroke = { type: "line", x0: each.floor.value, x1: each.floor.value, y0: part.y0, y1: part.y1, layer: "below", line: { width: 1.5, color: fade(css("--ink"), 0.45) } };
        shapes.push(part, stroke);
      }
      if (known.length >= 8)
        traces.push({ type: "violin", orientation: "h", x: known.map(i => each.values[i]), y0: y, points: false, hoverinfo: "skip",
          line: { color: each.colour, width: 1 }, fillcolor: fade(each.colour, 0.16), width: 0.62, spanmode: "hard", side: "both" });
      traces.push({
        type: "scatter", mode: "markers", hoverinfo: "text", x: known.map(i => each.values[i]),
        y: known.map((_, i) => y + (known.length > 1 ? 0.28 * (((i * 0.618) % 1) - 0.5) : 0)),
        marker: { color: each.colour, size: 7, opacity: 0.6, symbol: each.mark },
        hovertext: known.map(i => `<b>${number(each.values[i])}</b>${plain(unitOf(what))}<br>${plain(each.names[i])}${beside}`),
      });
      if (typeof each.mean === "number") {
        const around = each.low === null ? "" : ` [${number(each.low)}, ${number(each.high)}]`;
        const reach = each.low === null ? undefined : { type: "data", symmetric: false, array: [each.high - each.mean],
          arrayminus: [each.mean - each.low], color: css("--ink"), thickness: 1.6, width: 5 };
        traces.push({ type: "scatter", mode: "markers", x: [each.mean], y: [y], error_x: reach, hoverinfo: "text",
          marker: { symbol: "line-ns-open", size: 17, color: css("--ink"), line: { width: 2.4 } },
          hovertext: [`<b>${what.tells ? "" : "mean "}${number(each.mean)}${around}</b>${plain(unitOf(what))}<br>${plain(each.name)}${what.tells ? `, ${what.tells}` : ""}${beside}`] });
      }
      annotations.push({ xref: "paper", x: 0, xanchor: "left", y: y + 0.41, yanchor: "middle", showarrow: false, font: { size: 12 },
        text: `${plain(each.name)}${known.length > 1 ? ` · ${known.length}` : ""}` });
    });
    // A level far beyond all networks is told, and not drawn: it would press them together.
    const far = 1.6 * Math.max(...values, ...groups.map(each => each.high || 0));
    const levels = (what.levels || []).filter(each => each.x <= far);
    for (const each of levels)
      shapes.push({ type: "line", yref: "paper", y0: 0, y1: 1, x0: each.x, x1: each.x, line: { color: css("--soft"), width: 1.3, dash: each.dash || "dot" } });
    legend(box, (what.levels || []).map(each => ({ text: `${each.text} ${number(each.x)}${each.x > far ? ", further right" : ""}`, colour: css("--soft"), dash: each.dash || "dot" })));
    const highs = groups.map(each => each.high).filter(high => typeof high === "number" && high < 1.6 * Math.max(...values));
    const most = Math.max(...values, ...highs, ...levels.map(each => each.x), ...groups.map(each => (each.floor ? each.floor.high : 0)), 0);
    const layout = layoutOf({
      autosize: true, height: 86 + 58 * groups.length, margin: { l: 10, r: 14, t: 26, b: 50 }, annotations, shapes,
      xaxis: { title: { text: plain(what.xtitle + unitOf(what)) }, range: [0, most > 0.01 ? 1.07 * most : 0.01], zeroline: false, nticks: 8 },
      yaxis: { range: [-groups.length + 0.45, 0.62], showticklabels: false, showgrid: false, zeroline: false },
    });
    return draw(box, traces, layout, chart.title);
  };

  // States in their first principal components.
  kinds.trajectories = (box, chart, state) => {
    if (!state.bar) {
      Object.assign(state, { at: 0, by: "condition", epoch: 0, view: webgl() ? "space" : "plane" });
      state.bar = controls(box);
      if (chart.networks.length > 1)
        choice(state.bar, chart.of, chart.networks.map((each, at) => [String(at), `${each.place} · ${each.name}`]), key => {
          state.at = Number(key); slide(); redraw(box);
        });
      choice(state.bar, "coloured by", [["condition", "condition"], ["time", "time in the trial"]], key => { state.by = key; redraw(box); }, state.by);
      if (webgl())
        choice(state.bar, "view", [["space", "three components"], ["plane", "components 1 and 2"]], key => { state.view = key; redraw(box); });
      const label = element("label"), word = element("span", {}, "checkpoint ");
      const slider = element("input", { type: "range", min: 0, step: 1, ariaLabel: "checkpoint" });
      const said = element("output");
      label.append(word, slider, said);
      state.bar.append(label);
      const slide = () => {
        const epochs = chart.networks[state.at].epochs;
        slider.max = epochs.length - 1;
        state.epoch = epochs.length - 1;
        slider.value = state.epoch;
        word.hidden = slider.hidden = epochs.length < 2;
        state.say();
      };
      state.say = () => {
        const { epochs, explained } = chart.networks[state.at];
        const which = state.epoch === 0 ? "initial" : state.epoch === epochs.length - 1 ? "final" : "";
        const epoch = epochs.length < 2 ? "" : `epoch ${epochs[state.epoch]}${which ? ` (${which})` : ""}: `;
        said.textContent = `${epoch}${Math.round(100 * explained[state.epoch])} % of the variance`;
      };
      slider.addEventListener("input", () => { state.epoch = Number(slider.value); state.say(); redraw(box); });
      slide();
    }
    const network = chart.networks[state.at], states = network.states[state.epoch], flat = state.view === "plane";
    const traces = [];
    const { clock, periods } = network, time = at => `${clock === "ms" ? "" : `${clock} `}${Math.round(network.times[at])}${clock === "ms" ? " ms" : ""}`;
    const text = (condition, at) => `${plain(network.conditions[condition])}<br>${time(at)}${periods.length ? `, ${plain(periods[at])}` : ""}`;
    states.forEach((points, condition) => {
      const colour = state.by === "time" ? network.times : spread(condition, states.length);
      const line = { width: flat ? 2 : 4, color: flat && state.by === "time" ? fade(css("--ink"), 0.25) : colour };
      if (state.by === "time" && !flat) Object.assign(line, { colorscale: "Viridis", cmin: network.times[0], cmax: network.times[network.times.length - 1],
        showscale: condition === 0, colorbar: { thickness: 11, len: 0.7, title: { text: clock }, outlinewidth: 0 } });
      const known = points.map((_, at) => at).filter(at => points[at]), first = known[0], last = known[known.length - 1];
      const ends = points.map((_, at) => (at === first ? 6 : at === last || periods[at] !== periods[at + 1] ? 3.5 : 0));
      const along = axis => points.map(point => (point ? point[axis] * network.scale : null));
      const marker = { size: flat && state.by === "time" ? 5 : ends, color: colour, opacity: 1, line: { width: 0 }, symbol: "circle" };
      if (state.by === "time") Object.assign(marker, { colorscale: "Viridis", cmin: network.times[0], cmax: network.times[network.times.length - 1],
        showscale: flat && condition === 0, colorbar: { thickness: 11, title: { text: clock }, outlinewidth: 0 } });
      traces.push({
        type: flat ? "scatter" : "scatter3d", mode: "lines+markers", hoverinfo: "text", line, marker,
        x: along(0), y: along(1), z: flat ? undefined : along(2), hovertext: points.map((_, at) => text(condition, at)),
      });
    });
    const high = Math.min(560, Math.max(340, box.clientWidth * 0.7)), line = css("--line");
    const axis = (at, more) => ({ title: { text: `component ${at + 1}` }, range: network.ranges[at], nticks: 5, ...more });
    const solid = { showbackground: false, gridcolor: line, zerolinecolor: line, showspikes: false };
    const layout = layoutOf(flat ? {
      autosize: true, height: high, xaxis: axis(0), yaxis: axis(1, { scaleanchor: "x" }),
    } : {
      autosize: true, height: high, margin: { l: 0, r: 0, t: 0, b: 0 }, uirevision: "camera",
      scene: { xaxis: axis(0, solid), yaxis: axis(1, solid), zaxis: axis(2, solid), aspectmode: "cube", dragmode: "turntable",
        camera: { eye: { x: 1.5, y: 1.4, z: 0.85 } } },
    });
    if (flat !== state.flat) window.Plotly.purge(box);
    state.flat = flat;
    const entries = state.by === "condition" ? network.conditions.map((each, at) => ({ text: each, colour: spread(at, states.length) })) : [];
    legend(box, entries);
    return draw(box, traces, layout, chart.title);
  };
  // Along viridis, which can be told apart whatever colours one sees, without its ends, which vanish on a dark or light page.
  const spread = (at, count) => {
    const scale = [[72, 60, 145], [49, 104, 142], [33, 145, 140], [53, 183, 121], [124, 200, 70], [214, 197, 45]];
    const place = (count > 1 ? at / (count - 1) : 0) * (scale.length - 1), low = Math.min(Math.floor(place), scale.length - 2);
    const mixed = scale[low].map((part, i) => Math.round(part + (place - low) * (scale[low + 1][i] - part)));
    return "#" + mixed.map(part => part.toString(16).padStart(2, "0")).join("");
  };
  let able = null;
  const webgl = () => (able === null ? (able = Boolean(document.createElement("canvas").getContext("webgl"))) : able);

  // What a network sees and is to answer, step by step.
  kinds.trial = (box, chart) => {
    const room = box.clientWidth, rows = [...chart.inputs.map(each => each.name), ...chart.targets.map(each => each.name)];
    const left = Math.min(widthOf(rows, 11) + 14, 0.4 * room), split = chart.targets.length / (rows.length + 0.8);
    const part = (list, axis, words) => ({
      type: "heatmap", x: chart.times, y: list.map((_, at) => at), z: list.map(each => each.values.map(finite)), yaxis: axis,
      colorscale: "Viridis", hoverinfo: "text", showscale: false,
      hovertext: list.map(each => each.values.map((value, at) => `<b>${number(value)}</b><br>${words}: ${plain(each.name)}<br>` +
        `${Math.round(chart.times[at])} ms, ${plain(chart.periods[at])}`)),
    });
    const axis = (list, domain) => ({ tickmode: "array", tickvals: list.map((_, at) => at), ticktext: list.map(each => plain(cut(each.name, 24))),
      tickfont: { size: 11 }, automargin: false, autorange: "reversed", domain, showgrid: false, zeroline: false, fixedrange: true });
    const step = chart.times.length > 1 ? chart.times[1] - chart.times[0] : 1;
    const starts = chart.periods.map((_, at) => at).filter(at => at === 0 || chart.periods[at] !== chart.periods[at - 1]);
    const shapes = starts.slice(1).map(at => ({ type: "line", yref: "paper", y0: 0, y1: 1, x0: chart.times[at] - step / 2, x1: chart.times[at] - step / 2,
      line: { color: css("--ink"), width: 1.2 } }));
    const annotations = starts.map((at, i) => {
      const stop = i + 1 < starts.length ? starts[i + 1] : chart.times.length;
      const wide = (room - left - 14) * (stop - at) / chart.times.length >= widthOf([chart.periods[at]], 11);
      return { x: chart.times[at] - step / 2, xanchor: "left", yref: "paper", y: 1, yanchor: "bottom", showarrow: false, font: { size: 11 },
        text: wide ? plain(chart.periods[at]) : "", textangle: 0 };
    });
    const layout = layoutOf({
      autosize: true, height: 84 + 19 * rows.length, shapes, annotations, margin: { l: left, r: 14, t: 22, b: 44 },
      xaxis: { anchor: "y2", title: { text: "time in the trial (ms)" }, zeroline: false, showgrid: false, nticks: 8, range: [chart.times[0] - step / 2, chart.times[chart.times.length - 1] + step / 2] },
      yaxis: axis(chart.inputs, [split + 0.03, 1]), yaxis2: axis(chart.targets, [0, split]),
    });
    return draw(box, [part(chart.inputs, "y", "input"), part(chart.targets, "y2", "target")], layout, chart.title);
  };

  const cut = (name, most) => (name.length <= most ? name : `${name.slice(0, most / 2 - 1)}…${name.slice(-most / 2)}`);

  // ------------------------------------------------------------------------------------------------ the page
  function redraw(box) {
    const chart = page.charts[box.dataset.chart];
    if (!drawn.has(box)) drawn.set(box, {});
    try {
      kinds[chart.kind](box, chart, drawn.get(box));
      box.dataset.drawn = "yes";
    } catch (error) {
      box.textContent = `This figure could not be drawn: ${error.message}`;
      console.error(error);
    }
  }

  function filterBar() {
    const bar = document.getElementById("filter");
    if (!bar) return;
    for (const [factor, levels] of Object.entries(page.filters)) {
      hidden[factor] = new Set();
      const group = element("fieldset");
      group.append(element("legend", {}, factor));
      for (const level of levels) {
        const label = element("label");
        const box = element("input", { type: "checkbox", checked: true });
        box.addEventListener("change", () => {
          if (box.checked) hidden[factor].delete(level); else hidden[factor].add(level);
          for (const row of document.querySelectorAll("tr[data-of]")) row.hidden = !shown(JSON.parse(row.dataset.of));
          for (const each of drawn.keys()) redraw(each);
        });
        label.append(box, level);
        group.append(label);
      }
      bar.append(group);
    }
    bar.hidden = !Object.keys(page.filters).length;
  }

  function sortable(table) {
    const value = (row, at) => {
      const cell = row.cells[at];
      const known = cell.dataset.v === undefined ? cell.textContent.trim() : cell.dataset.v;
      return known !== "" && isFinite(known) ? Number(known) : known;
    };
    table.querySelectorAll("thead th").forEach((head, at) => {
      const button = element("button", { type: "button", title: "sort by this column" });
      button.append(...head.childNodes);
      head.append(button);
      button.addEventListener("click", () => {
        const rising = head.ariaSort !== "ascending";
        for (const other of head.parentElement.cells) other.removeAttribute("aria-sort");
        head.ariaSort = rising ? "ascending" : "descending";
        const unknown = each => each === "" || each === "–" || each === "nan";
        const rows = [...table.tBodies[0].rows].sort((one, two) => {
          const a = value(one, at), b = value(two, at);
          if (unknown(a) || unknown(b)) return Number(unknown(a)) - Number(unknown(b));
          const order = typeof a === "number" && typeof b === "number" ? a - b : String(a).localeCompare(String(b), undefined, { numeric: true });
          return rising ? order : -order;
        });
        table.tBodies[0].append(...rows);
      });
    });
  }

  async function library() {
    const packed = document.getElementById("page-library").textContent.trim();
    const bytes = Uint8Array.from(atob(packed), letter => letter.charCodeAt(0));
    const text = await new Response(new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"))).text();
    document.head.append(element("script", { textContent: text }));
  }

  async function start() {
    document.querySelectorAll("table.sortable").forEach(sortable);
    filterBar();
    const boxes = [...document.querySelectorAll(".chart")];
    try {
      if (boxes.length) await library();
    } catch (error) {
      for (const box of boxes) box.textContent = "This browser is too old to draw the figures; the files beside this page have them.";
      return;
    }
    const near = new IntersectionObserver(entries => {
      for (const { target, isIntersecting } of entries)
        if (isIntersecting && !drawn.has(target)) redraw(target);
    }, { rootMargin: "500px" });
    boxes.forEach(box => near.observe(box));
    const again = () => { for (const box of drawn.keys()) redraw(box); };
    let width = window.innerWidth, waiting = 0;
    window.addEventListener("resize", () => {
      if (window.innerWidth === width) return;
      width = window.innerWidth;
      clearTimeout(waiting);
      waiting = setTimeout(again, 120);
    });
    window.matchMedia("(prefers-color-scheme: dark)").addEventListener("change", again);
    window.addEventListener("beforeprint", () => boxes.forEach(redraw));
    document.addEventListener("toggle", event => {
      for (const box of event.target.querySelectorAll(".chart")) if (event.target.open && drawn.has(box)) redraw(box);
    }, true);
    document.documentElement.dataset.ready = "yes";
  }
  start();
})();
