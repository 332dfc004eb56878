import { useRef } from 'react';
import type { ReactNode } from 'react';
import { describeFiles } from '../../state/bring.ts';
import type { SourceDescriptor } from '../../state/manager.ts';
import { Button } from '../components/index.ts';
import type { ButtonProps } from '../components/Button.tsx';

interface DirectoryPicker {
  showDirectoryPicker?: (options: { id: string; mode: 'read' }) => Promise<FileSystemDirectoryHandle>;
}

export interface SourceButtonProps extends Pick<ButtonProps, 'size' | 'variant' | 'icon' | 'disabled'> {
  readonly children: ReactNode;
  readonly onPicked: (source: SourceDescriptor) => void;
  /** Of the hidden input: tests put files there. */
  readonly testId: string;
}

/** Asks for a package's folder; where the browser has no picker of folders, through an input. */
export function FolderButton({ onPicked, testId, children, ...button }: SourceButtonProps) {
  const input = useRef<HTMLInputElement>(null);
  const pick = async () => {
    const { showDirectoryPicker } = window as DirectoryPicker;
    if (!showDirectoryPicker) return void input.current?.click();
    try {
      const handle = await showDirectoryPicker.call(window, { id: 'hypnos-models', mode: 'read' });
      onPicked({ kind: 'folder', handle });
    } catch (error) {
      const isChoice = error instanceof DOMException && error.name === 'AbortError';
      if (!isChoice) input.current?.click(); // blocked by policy: the older way needs no permission
    }
  };
  return (
    <>
      <Button {...button} onClick={() => void pick()}>
        {children}
      </Button>
      <input
        ref={input}
        type="file"
        hidden
        // React knows the attribute only in lower case.
        {...{ webkitdirectory: '' }}
        data-testid={testId}
        onChange={({ target }) => {
          if (target.files?.length) onPicked(describeFiles([...target.files]));
          target.value = '';
        }}
      />
    </>
  );
}

/** Asks for an archive that holds a package. */
export function ArchiveButton({ onPicked, testId, children, ...button }: SourceButtonProps) {
  const input = useRef<HTMLInputElement>(null);
  return (
    <>
      <Button {...button} onClick={() => input.current?.click()}>
        {children}
      </Button>
      <input
        ref={input}
        type="file"
        hidden
        accept={ARCHIVE_TYPES}
        data-testid={testId}
        onChange={({ target }) => {
          const file = target.files?.[0];
          if (file) onPicked({ kind: 'archive', file });
          target.value = '';
        }}
      />
    </>
  );
}

const ARCHIVE_TYPES = '.hypnos,.zip,.tar';
