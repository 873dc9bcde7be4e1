/** Light and dark by the reader's own setting; light on paper. Names of places and colors are those of the live view. */
export const style = `
:root{color-scheme:light dark;--ink:#1c2026;--dim:#59616d;--paper:#fff;--panel:#f3f5f7;--rule:#d5dae0;
--blue:#3d7edb;--green:#2f9e5b;--bad:#cf3a3a;--amber:#c98a00;--violet:#8a5bd0;--gutter:8rem}
@media (prefers-color-scheme:dark){:root{--ink:#e6e9ee;--dim:#9aa3b0;--paper:#14171b;--panel:#1e2329;--rule:#343b45;
--blue:#5b97ec;--green:#43b874;--bad:#ee6363;--amber:#e2a92f;--violet:#a884e8}}
*{box-sizing:border-box}
body{margin:0 auto;padding:1rem;max-width:64rem;background:var(--paper);color:var(--ink);font:15px/1.45 system-ui,sans-serif;overflow-wrap:anywhere}
h1{font-size:1.35rem;margin:.2rem 0 .6rem}h2{font-size:1.1rem;margin:2rem 0 .4rem;border-bottom:1px solid var(--rule);padding-bottom:.2rem}
h3{font-size:.95rem;margin:1rem 0 .3rem}p{margin:.3rem 0}
.badge{display:inline-block;padding:.1rem .6rem;border-radius:1rem;color:#fff;font-weight:600;font-size:.85rem;background:#59616d}
.badge.succeeded{background:#237a46}.badge.rolled-back{background:#8f6200}.badge.failed{background:#b12f2f}.badge.held,.badge.interrupted,.badge.unfinished{background:#6b45ab}
dl{display:grid;grid-template-columns:max-content 1fr;gap:.15rem 1rem;margin:.6rem 0}dt{color:var(--dim)}dd{margin:0}
code,.id{font-family:ui-monospace,monospace;font-size:.9em}
.reason{background:var(--panel);border-left:4px solid var(--rule);padding:.5rem .8rem;margin:.8rem 0}
.reason.rolled-back,.reason.held{border-color:var(--amber)}.reason.failed{border-color:var(--bad)}.reason.succeeded{border-color:var(--green)}
.missing{color:var(--dim);font-size:.9rem}
.plot,.axis{margin-left:var(--gutter)}.plot{position:relative;background:var(--panel);border-bottom:1px solid var(--rule)}
.plot svg{display:block;width:100%;height:100%}.plot.tall{height:7rem}.plot.low{height:2.4rem;margin-top:3px}.plot.lane{height:1.3rem;border:0;margin:0;overflow:hidden}
.y{position:absolute;right:100%;padding-right:.4rem;white-space:nowrap;font-size:.7rem;line-height:1;color:var(--dim)}.y.top{top:0}.y.bottom{bottom:0}
.axis{position:relative;height:1.3rem;font-size:.7rem;color:var(--dim)}
.tick{position:absolute;transform:translateX(-50%);white-space:nowrap}.tick.first{transform:none}.tick.last{transform:translateX(-100%)}
.mark{position:absolute;top:0;bottom:0;width:0;border-left:2px dashed var(--amber)}.mark.failure{border-color:var(--bad)}.mark.hold{border-color:var(--violet)}
.dash{display:inline-block;height:.8rem;margin:0 .3rem 0 .5rem;vertical-align:-.1rem;border-left:2px dashed var(--amber)}.dash.failure{border-color:var(--bad)}.dash.hold{border-color:var(--violet)}
.legend{font-size:.8rem;color:var(--dim)}.legend .item{display:inline-block;margin-right:.9rem}.places .item{display:block;padding-left:1.1rem;text-indent:-1.1rem}.legend b{color:var(--ink);font-weight:600}
.key{display:inline-block;width:.8rem;height:.8rem;margin:0 .3rem 0 0;vertical-align:-.1rem;border-radius:2px}
svg .blue{fill:var(--blue)}svg .green{fill:var(--green)}svg .bad{fill:var(--bad)}
.key.blue{background:var(--blue)}.key.green{background:var(--green)}.key.bad{background:var(--bad)}.key.p95{background:var(--violet)}.key.p50{background:var(--blue)}
.line{fill:none;stroke-width:2;stroke-linecap:round;stroke-linejoin:round;vector-effect:non-scaling-stroke}.line.p95{stroke:var(--violet)}.line.p50{stroke:var(--blue)}
.lanes{display:grid;grid-template-columns:var(--gutter) minmax(0,1fr);gap:3px 0;align-items:center}.lanes .axis{margin:0}
.name{font-size:.8rem;padding-right:.4rem;overflow:hidden;text-overflow:ellipsis;white-space:nowrap}
.span{position:absolute;top:0;bottom:0;overflow:hidden;font-size:.7rem;line-height:1.3rem;text-indent:.3rem;white-space:nowrap;color:#fff;background:var(--place);border-left:1px solid var(--paper)}
.places .key{background:var(--place)}
.empty{--place:transparent}.span.empty{color:var(--dim)}.key.empty{outline:1px solid var(--rule)}
.old{--place:#6d7887}.draining{--place:#9c6a00}.quiet{--place:#7a6a4c}.swapping{--place:#7047b5}.unverified{--place:#8a6bb8}.ready{--place:#3f7f9c}.warming{--place:#2f6fc4}.settling{--place:#2a8a86}.serving{--place:#26804a}.span.bad,.places .key.bad{--place:#b83232}.excluded{--place:#4a4f57}.unknown{--place:#8d4a78}
details{margin:.2rem 0 .6rem;font-size:.85rem}summary{cursor:pointer;color:var(--dim)}
table{border-collapse:collapse;width:100%}.figures{width:auto}th,td{text-align:left;vertical-align:top;padding:.15rem .8rem .15rem 0}.figures td,.timeline td:first-child{font-variant-numeric:tabular-nums;white-space:nowrap}
.timeline td{border-top:1px solid var(--rule)}.timeline tr:first-child td{border-top:0}.timeline td:first-child{color:var(--dim);width:5.5rem}
.timeline .phase td:last-child{font-weight:600}.timeline .traffic td:last-child{color:var(--blue)}.timeline .failure td:last-child{color:var(--bad)}.timeline .back td:last-child,.timeline .hold td:last-child{color:var(--amber);font-weight:600}.timeline .note td:last-child,.timeline .gap td{color:var(--dim)}
footer{margin-top:2rem;color:var(--dim);font-size:.8rem}
@media (max-width:40rem){:root{--gutter:0rem}body{padding:.7rem;font-size:14px}dl{grid-template-columns:1fr;gap:0}dd{margin-bottom:.4rem}.y{right:auto;left:.2rem;padding:.1rem .2rem;background:var(--panel);border-radius:2px}.lanes{grid-template-columns:minmax(0,1fr);gap:0}.name{margin-top:.35rem}.lanes>span:empty{display:none}.plot.tall{height:5.5rem}.timeline td:first-child{width:4.2rem}}
@media print{:root{color-scheme:light;--ink:#000;--dim:#444;--paper:#fff;--panel:#f3f5f7;--rule:#bbb;--blue:#3d7edb;--green:#2f9e5b;--bad:#cf3a3a;--amber:#8f6200;--violet:#8a5bd0}
*{print-color-adjust:exact;-webkit-print-color-adjust:exact}body{max-width:none;padding:0;font-size:11px}h3,.plot,.lanes,tr{break-inside:avoid}h2,h3{break-after:avoid}details:not([open]){display:none}}
`;
