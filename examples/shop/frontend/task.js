// The one-off task of a release: it warms what pages are made of.
const version = process.env.VERSION ?? 'dev';

if (process.env.BEHAVIOUR === 'task-fails') {
  console.error(`warming up ${version} failed: no templates`);
  process.exitCode = 3;
} else {
  console.log(`migrated: page cache is at ${version}`);
}
