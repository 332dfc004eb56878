import { Component } from 'react';
import type { ReactNode } from 'react';
import { RecoveryScreen } from './RecoveryScreen.tsx';

interface Props {
  readonly children: ReactNode;
}
interface State {
  readonly error: unknown;
}

/** Where a bug in the screens ends: the history is safe in the database, so say so and offer a fresh start. */
export class ErrorBoundary extends Component<Props, State> {
  override state: State = { error: null };

  static getDerivedStateFromError(error: unknown): State {
    return { error };
  }

  override render(): ReactNode {
    if (this.state.error === null) return this.props.children;
    return (
      <RecoveryScreen
        error={this.state.error}
        onRetry={() => {
          this.setState({ error: null });
        }}
      />
    );
  }
}
