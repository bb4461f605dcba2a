"use strict";
// Draws each figure from the JSON beside it; a click on a point opens that trial's genotype.
for (const plot of document.querySelectorAll(".plot")) {
  const figure = JSON.parse(plot.nextElementSibling.textContent);
  if (plot.clientWidth < 480) {
    // a telephone: smaller letters, fewer ticks, so that axis titles stay inside
    figure.layout.font.size = 10;
    const axis = figure.layout.xaxis;
    while (axis.tickvals && axis.tickvals.length > 6) axis.tickvals = axis.tickvals.filter((_, index) => index % 2 === 0);
    figure.layout.margin.l = figure.layout.margin.r = 8;
  }
  Plotly.newPlot(plot, figure.data, figure.layout, { responsive: true, displaylogo: false, displayModeBar: "hover" });
  plot.on("plotly_click", ({ points }) => {
    const details = document.getElementById(`trial-${points[0].customdata}`);
    if (details) {
      details.open = true;
      details.scrollIntoView({ behavior: "smooth", block: "start" });
    }
  });
}
function openNamed() {
  const details = document.getElementById(location.hash.slice(1));
  if (details instanceof HTMLDetailsElement) details.open = true;
}
window.addEventListener("hashchange", openNamed);
openNamed();
for (const button of document.querySelectorAll(".copy")) {
  button.addEventListener("click", async () => {
    const code = button.previousElementSibling;
    try {
      await navigator.clipboard.writeText(code.textContent);
      button.textContent = "copied";
    } catch {
      // no clipboard for this page: select the command, so that the user's own key copies it
      getSelection().selectAllChildren(code);
      button.textContent = "selected";
    }
  });
}
