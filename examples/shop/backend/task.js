// The one-off task of a release: a stand-in for a database migration.
const version = process.env.VERSION ?? 'dev';

if (process.env.BEHAVIOUR === 'task-fails') {
  console.error(`migration to ${version} failed: column "price" already exists`);
  process.exitCode = 3;
} else {
  console.log(`migrated: table products is at ${version}`);
}
