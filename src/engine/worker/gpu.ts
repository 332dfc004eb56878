/**
 * Watches the device that the engine asks for. web-llm tells of a lost device only while it loads, and not why it was
 * lost; so its calls to requestAdapter and requestDevice pass through here.
 *
 *   requestDevice -> + the adapter's own buffer limits (web-llm asks for 1 GiB or 256 MiB, nothing between)
 *                 -> device.lost, out-of-memory and uncaptured errors -> onFailure, once
 *                 -> compute pipelines counted
 */
import { HypnosError } from '../../shared/errors.ts';

export interface DeviceEvents {
  /** The device is of no more use. Not called for a device that `release` let go. */
  readonly onFailure: (error: HypnosError) => void;
  /** Compute pipelines compiled, of those asked for so far. */
  readonly onPipelines: (done: number, total: number) => void;
}

export class DeviceWatch {
  readonly #gpu: GPU;
  readonly #requestAdapter: GPU['requestAdapter'];
  readonly #events: DeviceEvents;
  readonly #failed: Promise<HypnosError>;
  #reportFailed: (error: HypnosError) => void = () => {};
  #isReleased = false;
  #failure: HypnosError | null = null;

  constructor(gpu: GPU, events: DeviceEvents) {
    this.#gpu = gpu;
    this.#events = events;
    this.#failed = new Promise((resolve) => {
      this.#reportFailed = resolve;
    });
    this.#requestAdapter = gpu.requestAdapter.bind(gpu);
    gpu.requestAdapter = async (options) => {
      const adapter = await this.#requestAdapter(options);
      if (adapter) this.#watchAdapter(adapter);
      return adapter;
    };
  }

  /** Why the device is of no use; null while it is. */
  get failure(): HypnosError | null {
    return this.#failure;
  }

  /** As `failure`; what a lost device breaks may throw before the browser tells of the loss. */
  failureWithin(milliseconds: number): Promise<HypnosError | null> {
    const timeUp = new Promise<null>((resolve) => {
      setTimeout(resolve, milliseconds, null);
    });
    return Promise.race([this.#failed, timeUp]);
  }

  /** The device may go from now on; gpu.requestAdapter is as it was. */
  release(): void {
    this.#isReleased = true;
    this.#gpu.requestAdapter = this.#requestAdapter;
  }

  #watchAdapter(adapter: GPUAdapter): void {
    const requestDevice = adapter.requestDevice.bind(adapter);
    adapter.requestDevice = async (descriptor) => {
      const device = await requestDevice({
        ...descriptor,
        requiredLimits: {
          ...descriptor?.requiredLimits,
          maxBufferSize: adapter.limits.maxBufferSize,
          maxStorageBufferBindingSize: adapter.limits.maxStorageBufferBindingSize,
        },
      });
      this.#watchDevice(device);
      return device;
    };
  }

  #watchDevice(device: GPUDevice): void {
    let isOutOfMemory = false;
    // web-llm wraps createBuffer in error scopes and destroys the device on any error, the cause only printed.
    const popErrorScope = device.popErrorScope.bind(device);
    device.popErrorScope = async () => {
      const error = await popErrorScope();
      if (error instanceof GPUOutOfMemoryError) isOutOfMemory = true;
      return error;
    };
    device.addEventListener('uncapturederror', ({ error }) => {
      // After a failed command the results are not what they seem: no answer is better than a wrong one.
      const code = error instanceof GPUOutOfMemoryError ? 'gpu-out-of-memory' : 'gpu-device-lost';
      this.#fail(new HypnosError(code, { reason: error.constructor.name, message: error.message }));
    });
    void device.lost.then(({ reason, message }) => {
      const code = isOutOfMemory ? 'gpu-out-of-memory' : 'gpu-device-lost';
      this.#fail(new HypnosError(code, { reason: String(reason), message }));
    });

    let asked = 0;
    let done = 0;
    const createComputePipelineAsync = device.createComputePipelineAsync.bind(device);
    device.createComputePipelineAsync = async (descriptor) => {
      asked += 1;
      const pipeline = await createComputePipelineAsync(descriptor);
      done += 1;
      this.#events.onPipelines(done, asked);
      return pipeline;
    };
  }

  #fail(error: HypnosError): void {
    if (this.#isReleased || this.#failure) return;
    this.#failure = error;
    this.#reportFailed(error);
    this.#events.onFailure(error);
  }
}
