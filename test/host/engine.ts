/**
 * One real Docker engine with a registry beside it, in namespaces of its own (mounts, network, processes): nothing of it is seen outside, and ending
 * its first process is a power cut. DEPLOYCTL_DOCKER_BIN names a folder with another engine than the installed one (scripts/newest-engine.sh).
 */
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { execaSync } from 'execa';
import { isDigest, type Digest } from '../../src/domain/ids.js';
import type { ExecResult } from '../../src/sandbox/types.js';
import { hostOn, type Host } from './kit.js';

const SYSTEM = '/usr/local/sbin:/usr/sbin:/usr/bin:/sbin:/bin';
const BIN = process.env['DEPLOYCTL_DOCKER_BIN'];
const PATH = BIN === undefined ? SYSTEM : `${BIN}:${SYSTEM}`;
const NEEDS = ['dockerd', 'docker', 'containerd', 'runc', 'docker-registry', 'busybox', 'curl', 'iptables', 'ip'];

/** Why there can be no engine here; with CI=true that is an error. */
export function whyNoEngine(): string | undefined {
  const missing = NEEDS.filter((name) => !PATH.split(':').some((folder) => existsSync(join(folder, name))));
  const why =
    process.platform !== 'linux' || process.getuid?.() !== 0
      ? 'a Docker engine of its own needs Linux and root'
      : missing.length > 0
        ? `${missing.join(', ')} not installed (.ci/run installs them)`
        : undefined;
  if (why !== undefined && process.env['CI'] === 'true') throw new Error(`tests on real Docker: ${why}`);
  if (why !== undefined) process.stderr.write(`skipping the tests on real Docker: ${why}\n`);
  return why;
}

export interface Engine extends Host {
  /** Version of the daemon. */
  readonly version: string;
  /** Folder that plays `/` for the instance script: DEPLOYCTL_ROOT. */
  readonly root: string;
  /**
   * An image in the registry and not on the instance: busybox with this line of shell as its command.
   * @returns its repository and digest
   */
  image(name: string, line: string): Promise<{ repository: string; digest: Digest }>;
  /** SIGTERM to dockerd and a new one, as `systemctl restart docker`. */
  restartDocker(): Promise<void>;
  /** Power off and on again: every process ends without a word. */
  reboot(): Promise<void>;
  close(): Promise<void>;
}

/** A server with /health, on port 3000, that ends at SIGTERM. */
export const serve = (version: string): string =>
  `echo "version ${version} starts"; mkdir -p /www; printf '{"version":"${version}"}' >/www/health; trap 'exit 0' TERM; busybox httpd -f -p 3000 -h /www & wait`;

export async function startEngine(): Promise<Engine> {
  const folder = mkdtempSync(join(tmpdir(), 'deployctl-engine-'));
  const cgroup = `deployctl-engine-${process.pid}-${Date.now()}`;
  const root = join(folder, 'root');
  let machine = await powerOn();
  let scripts = 0;

  const run = async (script: string, signal?: AbortSignal): Promise<ExecResult> => {
    const file = join(folder, `script-${++scripts}.sh`);
    writeFileSync(file, script, { mode: 0o700 });
    return execInside(machine.init, ['sh', '-c', file], { DEPLOYCTL_ROOT: root }, signal);
  };
  const host = hostOn(run);
  const boot = async (): Promise<void> => {
    await host.sh(`
      [ -e ${folder}/base.tar ] || { mkdir -p ${root} ${folder}/base/bin ${folder}/registry
        cp "$(command -v busybox)" ${folder}/base/bin/
        for library in $(ldd "$(command -v busybox)" | grep -o '/[^ ]*'); do
          mkdir -p "${folder}/base$(dirname "$library")" && cp "$library" "${folder}/base$library"; done
        for name in sh cat sleep mkdir printf; do ln -s busybox ${folder}/base/bin/$name; done
        mkdir ${folder}/base/tmp ${folder}/base/proc
        tar -C ${folder}/base -cf ${folder}/base.tar .; }
      cat >${folder}/registry.yml <<'CONFIG'
version: 0.1
log: { level: warn }
storage: { filesystem: { rootdirectory: ${folder}/registry } }
http: { addr: 127.0.0.1:5000 }
CONFIG
      docker-registry serve ${folder}/registry.yml >${folder}/registry.log 2>&1 &
      until curl -sf http://127.0.0.1:5000/v2/ >/dev/null; do kill -0 $! || { cat ${folder}/registry.log >&2; exit 1; }; sleep 0.05; done`);
    await startDocker();
  };
  const startDocker = async (): Promise<void> => {
    // Debian and a systemd machine differ in the cgroup driver; this one needs no other service.
    await host.sh(`
      dockerd --data-root ${folder}/data --exec-root /run/docker --cgroup-parent /${cgroup} --exec-opt native.cgroupdriver=cgroupfs ${
        process.env['DEPLOYCTL_DOCKERD_OPTIONS'] ?? ''
      } >>${folder}/dockerd.log 2>&1 </dev/null &
      until docker version >/dev/null 2>&1; do kill -0 $! || { tail -n 5 ${folder}/dockerd.log >&2; exit 1; }; sleep 0.05; done`);
  };
  const close = async (): Promise<void> => {
    await powerOff(machine);
    rmSync(folder, { recursive: true, force: true });
    execaSync('find', ['/sys/fs/cgroup', '-depth', '-type', 'd', '-path', `*/${cgroup}*`, '-exec', 'rmdir', '{}', ';']);
  };

  try {
    await boot();
    return {
      ...host,
      root,
      version: await host.sh(`docker version --format '{{.Server.Version}}'`),
      async image(name, line) {
        const reference = `127.0.0.1:5000/shop/${name}`;
        await host.sh(`cat >${folder}/command <<'COMMAND'\nCMD ${JSON.stringify(['sh', '-c', line])}\nCOMMAND
          docker import --change 'ENV PATH=/bin' --change "$(cat ${folder}/command)" - ${reference} <${folder}/base.tar
          docker push -q ${reference}`);
        const digest = (await host.sh(`docker image inspect --format '{{index .RepoDigests 0}}' ${reference}`)).split(
          '@',
        )[1];
        await host.sh(`docker rmi -f ${reference}`);
        if (digest === undefined || !isDigest(digest)) throw new Error(`${reference} has no digest after its push`);
        return { repository: `127.0.0.1:5000/shop/${name.split(':')[0] ?? name}`, digest };
      },
      async restartDocker() {
        await host.sh('pid=$(cat /var/run/docker.pid); kill $pid; while kill -0 $pid 2>/dev/null; do sleep 0.05; done');
        await startDocker();
      },
      async reboot() {
        await powerOff(machine);
        machine = await powerOn();
        await boot();
      },
      close,
    };
  } catch (error) {
    await close();
    throw error;
  }
}

interface Machine {
  readonly keeper: ChildProcess;
  /** Process id of its first process, as seen from outside. */
  readonly init: number;
}

/** Empty namespaces with a first process that reaps; they end with this test process, however that ends. */
async function powerOn(): Promise<Machine> {
  const init = 'mount -t tmpfs tmpfs /run && ip link set lo up && echo up && while :; do sleep 1000 & wait; done';
  const keeper = spawn(
    'setpriv',
    ['--pdeathsig', 'KILL', 'unshare', '-m', '-n', '-p', '-f', '--kill-child', '--mount-proc', 'sh', '-c', init],
    { stdio: ['ignore', 'pipe', 'pipe'], env: { PATH } },
  );
  let complaint = '';
  keeper.stderr.setEncoding('utf8').on('data', (text: string) => (complaint += text));
  await Promise.race([
    once(keeper.stdout, 'data'),
    once(keeper, 'close').then(() => {
      throw new Error(`no namespaces for an engine: ${complaint}`);
    }),
  ]);
  const child = readFileSync(`/proc/${keeper.pid}/task/${keeper.pid}/children`, 'utf8').trim();
  return { keeper, init: Number(child) };
}

async function powerOff({ keeper, init }: Machine): Promise<void> {
  const ended = once(keeper, 'exit');
  process.kill(init, 'SIGKILL');
  await ended;
}

/** Runs a command inside, in a group of its own that an abort ends with SIGKILL, without HOME, as the SSM agent does. */
async function execInside(
  init: number,
  command: readonly string[],
  env: Record<string, string>,
  signal?: AbortSignal,
): Promise<ExecResult> {
  const child = spawn('nsenter', ['-t', String(init), '-m', '-n', '-p', '--wd=/', ...command], {
    detached: true,
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { PATH, ...env },
  });
  let stdout = '';
  let stderr = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => (stdout += text));
  child.stderr.setEncoding('utf8').on('data', (text: string) => (stderr += text));
  const kill = (): void => void process.kill(-(child.pid ?? 0), 'SIGKILL');
  signal?.addEventListener('abort', kill);
  const [code, killed] = (await once(child, 'close')) as [number | null, NodeJS.Signals | null];
  signal?.removeEventListener('abort', kill);
  return {
    exitCode: code ?? 137,
    signal: killed,
    stdout,
    stderr,
    timedOut: false,
    cancelled: signal?.aborted === true,
  };
}
