/** Which running container has which host port, kept up to date by the engine's events, for those who cannot wait. */
import { sleepReal } from '../../time.js';
import { isHangUp, type EngineApi } from './api.js';

const RETRY_MS = 100;

export interface Serving {
  readonly digest: string;
  readonly image: string;
}

export class ServingPorts {
  private ports: ReadonlyMap<number, Serving> = new Map();
  private readonly stopping = new AbortController();
  private looking = false;
  private lookAgain = false;

  /**
   * @param events asked for events only
   * @param api asked for containers
   * @param onError told of answers that nobody expected
   */
  constructor(
    private readonly events: EngineApi,
    private readonly api: EngineApi,
    private readonly onError: (error: unknown) => void,
  ) {}

  at(port: number): Serving | undefined {
    return this.ports.get(port);
  }

  /** Follows the engine until `close`; one that is down is asked again, and its containers serve on meanwhile. */
  follow(): void {
    void this.run();
  }

  async close(): Promise<void> {
    this.stopping.abort(new Error('the machine goes off'));
    await this.events.close();
  }

  private async run(): Promise<void> {
    const { signal } = this.stopping;
    while (!signal.aborted) {
      await this.events
        .watch(() => {
          void this.look();
        }, signal)
        .catch((error: unknown) => this.complain(error));
      await sleepReal(RETRY_MS);
    }
  }

  /** One look at a time; what happens during one is seen by a next one. */
  private async look(): Promise<void> {
    this.lookAgain = true;
    if (this.looking) return;
    this.looking = true;
    while (this.lookAgain && !this.stopping.signal.aborted) {
      this.lookAgain = false;
      try {
        const running = (await this.api.containers()).filter(({ state }) => state === 'running');
        this.ports = new Map(
          running.flatMap(({ hostPorts, digest, image }) =>
            hostPorts.map((port) => [port, { digest, image }] as const),
          ),
        );
      } catch (error) {
        this.complain(error);
      }
    }
    this.looking = false;
  }

  private complain(error: unknown): void {
    if (!this.stopping.signal.aborted && !isHangUp(error)) this.onError(error);
  }
}
