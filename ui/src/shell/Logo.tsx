/** The mark: one way in, two ways on. */
export function Logo({ size = 22 }: { size?: number }) {
  return (
    <svg
      width={size}
      height={size}
      viewBox="0 0 32 32"
      fill="none"
      stroke="var(--prana-accent)"
      strokeWidth="3"
      strokeLinecap="round"
      aria-hidden="true"
    >
      <path d="M6 16h6c5 0 4-8 9-8h1M12 16c5 0 4 8 9 8h1" />
      <circle cx="5" cy="16" r="3" fill="var(--prana-accent)" />
      <circle cx="26" cy="8" r="3" fill="var(--prana-accent)" />
      <circle cx="26" cy="24" r="3" />
    </svg>
  )
}
