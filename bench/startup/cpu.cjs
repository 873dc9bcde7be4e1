// Required into a process that is measured: tells at its end how much processor time it took, in microseconds.
const { writeFileSync } = require('node:fs');

process.on('exit', () => {
  const { user, system } = process.cpuUsage();
  writeFileSync(process.env.DEPLOYCTL_BENCH_CPU, String(user + system));
});
