import { fileURLToPath } from 'node:url'
import { AxeBuilder } from '@axe-core/playwright'
import { type Browser, chromium, type Page } from 'playwright-core'

const CHROMIUM = process.env.CHROMIUM ?? '/usr/bin/chromium'

export const launch = (): Promise<Browser> =>
  chromium.launch({ executablePath: CHROMIUM, args: ['--no-sandbox', '--disable-gpu'] })

/** Everything that went wrong in a page: errors of scripts, what the policy refused, requests that left for elsewhere. */
export class Watched {
  readonly trouble: string[] = []

  constructor(page: Page, home: string) {
    page.on('pageerror', (error) => this.trouble.push(`error: ${error.message}`))
    page.on('console', (message) => {
      if (message.type() === 'error' && !message.text().startsWith('Failed to load resource'))
        this.trouble.push(message.text())
    })
    page.on('request', (request) => {
      const url = request.url()
      if (/^https?:/.test(url) && !url.startsWith(home)) this.trouble.push(`left for ${url}`)
    })
  }
}

export interface Looks {
  width?: number
  height?: number
  dark?: boolean
}

/** A page of the server's UI. */
export async function open(
  browser: Browser,
  home: string,
  path: string,
  looks: Looks = {},
): Promise<{ page: Page; watched: Watched }> {
  const context = await browser.newContext({
    viewport: { width: looks.width ?? 1360, height: looks.height ?? 860 },
    colorScheme: looks.dark ? 'dark' : 'light',
    baseURL: home,
    reducedMotion: 'reduce',
    locale: 'en-GB',
    timezoneId: 'Europe/Berlin',
  })
  const page = await context.newPage()
  page.setDefaultTimeout(30_000)
  const watched = new Watched(page, home)
  await page.goto(path)
  return { page, watched }
}

/** What stands in the way of people who can't see or can't point, by the rules of WCAG 2 A and AA. */
export async function barriers(page: Page): Promise<string[]> {
  const result = await new AxeBuilder({ page }).withTags(['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa']).analyze()
  return result.violations.map(
    (one) => `${one.id}: ${one.help}: ${one.nodes.map((node) => node.target.join(' ')).join(', ')}`,
  )
}

/** Takes a picture for the docs, if `PICTURES` is set: times and ids differ from run to run. The pointer is moved out of the way. */
export async function picture(page: Page, name: string): Promise<void> {
  if (!process.env.PICTURES) return
  await page.mouse.move(0, 0)
  await page.locator('.mantine-Tooltip-tooltip').first().waitFor({ state: 'hidden' })
  await page.screenshot({
    path: fileURLToPath(new URL(`../../../docs/images/${name}.png`, import.meta.url)),
    animations: 'disabled',
  })
}
