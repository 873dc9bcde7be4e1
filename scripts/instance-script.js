// Prints the instance script in one piece, for shellcheck; needs a build.
import { instanceScript } from '../dist/host/script.js';

process.stdout.write(instanceScript());
