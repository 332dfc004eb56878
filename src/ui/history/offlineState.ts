export interface OfflineFacts {
  /** The browser believes it has a network. It may be wrong about reachability, never about having none. */
  readonly online: boolean;
  readonly servedLocally: boolean;
  readonly shellKept: boolean;
  readonly modelKept: boolean;
  readonly modelLoaded: boolean;
}

/**
 *   ready     online, and everything is kept: the network may go
 *   local     everything comes from this computer's own server
 *   online    online, and something would be missing without the network
 *   working   no network, nothing is missing
 *   memory    no network, the model is loaded but would not survive a restart
 *   stranded  no network, and no model
 */
export type OfflineState = 'ready' | 'local' | 'online' | 'working' | 'memory' | 'stranded';

export function offlineState(facts: OfflineFacts): OfflineState {
  const isKept = facts.shellKept && facts.modelKept;
  if (facts.online) {
    if (isKept) return 'ready';
    return facts.servedLocally ? 'local' : 'online';
  }
  if (isKept || facts.servedLocally) return 'working';
  return facts.modelLoaded ? 'memory' : 'stranded';
}
