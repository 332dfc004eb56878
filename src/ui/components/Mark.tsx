/** The mark: a crescent with a pulse. */
export function Mark({ size = 28 }: { readonly size?: number }) {
  return (
    <svg width={size} height={size} viewBox="0 0 32 32" aria-hidden>
      <path d="M22.5 20.8A10 10 0 1 1 13 6.2a8 8 0 0 0 9.5 14.6Z" fill="var(--accent)" />
      <path
        d="M13.5 17.5h4l1.6-4 2.4 7 1.7-3h4.3"
        fill="none"
        stroke="var(--accent)"
        strokeWidth="1.8"
        strokeLinecap="round"
        strokeLinejoin="round"
      />
    </svg>
  );
}
