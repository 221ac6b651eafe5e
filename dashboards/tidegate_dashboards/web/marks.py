"""The logo and the few icons, as inline SVG."""

__all__ = ["BRAND", "DOWNLOAD", "FAVICON", "SUN_AND_MOON", "TICK"]

STROKE = 'fill="none" stroke="currentColor" stroke-linecap="round" stroke-linejoin="round"'

# A tide gate: three bars, the middle one lifted, over the water.
BRAND = (
    '<svg viewBox="0 0 32 32" fill="none" aria-hidden="true">'
    '<rect width="32" height="32" rx="8.5" fill="var(--accent)"/>'
    '<g stroke="var(--accent-ink)" stroke-width="2.6" stroke-linecap="round">'
    '<path d="M8.5 7v10.5M16 7v6M23.5 7v10.5"/>'
    '<path d="M5 23c1.85 0 1.85-2 3.7-2s1.85 2 3.65 2 1.85-2 3.65-2 1.85 2 3.65 2 1.85-2 3.65-2 1.85 2 3.7 2"/>'
    "</g></svg>"
)
FAVICON = (
    BRAND.replace("<svg ", '<svg xmlns="http://www.w3.org/2000/svg" ')
    .replace("var(--accent)", "#14a89a")
    .replace("var(--accent-ink)", "#ffffff")
)
DOWNLOAD = (
    f'<svg viewBox="0 0 24 24" {STROKE} stroke-width="2" aria-hidden="true">'
    '<path d="M12 4v11m0 0-4.5-4.5M12 15l4.5-4.5M4 19.5h16"/></svg>'
)
TICK = (
    f'<svg viewBox="0 0 24 24" {STROKE} stroke-width="3" aria-hidden="true"><path d="m5 12.5 4.8 4.8L19.5 7.5"/></svg>'
)
SUN_AND_MOON = (
    f'<svg class="sun" viewBox="0 0 24 24" {STROKE} stroke-width="2" aria-hidden="true">'
    '<circle cx="12" cy="12" r="4.2"/><path d="M12 2.5v2M12 19.5v2M4.5 4.5l1.4 1.4M18.1 18.1l1.4 1.4M2.5 12h2'
    'M19.5 12h2M4.5 19.5l1.4-1.4M18.1 5.9l1.4-1.4"/></svg>'
    f'<svg class="moon" viewBox="0 0 24 24" {STROKE} stroke-width="2" aria-hidden="true">'
    '<path d="M20 14.2A8.5 8.5 0 0 1 9.8 4 8.5 8.5 0 1 0 20 14.2z"/></svg>'
)
