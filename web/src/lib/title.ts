// The tab: its title and icon tell how the run stands while one works elsewhere.
import { lookOf } from './states';
import { visibleText } from './visible';

const icons: Record<string, string> = {
    running: 'running', passed: 'passed', warned: 'warned', failed: 'failed', errored: 'errored', cancelled: 'cancelled',
};

/** Sets the title, and the icon by the state's tone; without a state the neutral one. */
export function setTitle(title: string, state?: string): void {
    const look = state === undefined ? undefined : lookOf(state);
    const text = visibleText(title);
    document.title = look ? `${look.label}: ${text} · Sluice` : text === '' ? 'Sluice' : `${text} · Sluice`;
    const icon = document.getElementById('favicon') as HTMLLinkElement | null;
    const address = `/icon-${(look && icons[look.tone]) ?? 'idle'}.svg`;
    if (icon && icon.getAttribute('href') !== address) icon.setAttribute('href', address);
}
