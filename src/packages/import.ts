/**
 * The package store's one writer, as the page sees it: a worker of its own behind this interface.
 *
 *   page --import(source)--> worker   progress flows back; one change at a time over all tabs (Web Lock)
 *   page --cancel()--------> worker   what was stored stays for going on later
 */
import type { Result } from '../shared/errors.ts';
import type { PackageId } from '../shared/types.ts';
import type { TrustedKeys } from './signature.ts';
import type { SourceDescriptor } from './source.ts';

/** 'waiting': another tab changes the store. 'checking': a file that is here already is hashed again. */
export type ImportStage = 'waiting' | 'reading' | 'copying' | 'checking' | 'committing';

export interface ImportProgress {
  readonly stage: ImportStage;
  /** The package's path for it. */
  readonly file: string | null;
  readonly bytesDone: number;
  readonly bytesTotal: number;
}

export interface ImportApi {
  /** @returns the installed package's key; importing what is installed repairs it */
  import(
    source: SourceDescriptor,
    trusted: TrustedKeys,
    onProgress: (progress: ImportProgress) => void,
  ): Promise<Result<PackageId>>;
  /** Ends the import or verification that runs with 'cancelled'. */
  cancel(): Promise<void>;
  /** @returns paths of damaged files, whose bytes are let go */
  verify(key: PackageId, onProgress: (progress: ImportProgress) => void): Promise<Result<readonly string[]>>;
  /**
   * Fetches only what is damaged again: every stored file is hashed, what differs or is missing is read from the source.
   * @returns how many files were fetched
   */
  repair(
    key: PackageId,
    source: SourceDescriptor,
    onProgress: (progress: ImportProgress) => void,
  ): Promise<Result<number>>;
  /** Takes the package away; its bytes stay until `tidy(true)`. */
  remove(key: PackageId): Promise<Result<null>>;
  /** @throws 'package-not-found' where it is too late */
  restore(key: PackageId): Promise<Result<null>>;
  /** Lets go of an import that did not end. */
  discard(key: PackageId): Promise<Result<null>>;
  /** Deletes bytes that belong to nothing; with `purge` those of removed packages too. @returns bytes freed */
  tidy(purge: boolean): Promise<Result<number>>;
}
