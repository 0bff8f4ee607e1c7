import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import type { Browser, Page } from 'playwright-core'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { parse } from 'yaml'
import { barriers, launch, open, picture } from './support/app'
import { type Server, startServer } from './support/server'

const root = fileURLToPath(new URL('../../', import.meta.url))
const example = parse(readFileSync(`${root}examples/workflows/expense-report.yaml`, 'utf8'))

let server: Server
let browser: Browser

beforeAll(async () => {
  server = await startServer('--file-root', `${root}examples`)
  browser = await launch()
})

afterAll(async () => {
  await browser?.close()
  await server?.stop()
})

const node = (page: Page, key: string) => page.locator(`.react-flow__node[data-id="${key}"]`)

async function press(page: Page, key: string) {
  await page.evaluate(() => (document.activeElement as HTMLElement | null)?.blur())
  await page.keyboard.press(key)
}

async function add(page: Page, words: string, key: string) {
  await press(page, 'Escape')
  await press(page, 'a')
  await page.getByRole('combobox', { name: 'Search what a node can do' }).fill(words)
  await page.keyboard.press('Enter')
  const field = page.getByRole('textbox', { name: /^Key of the node/ })
  await field.waitFor()
  if ((await field.inputValue()) !== key) {
    await field.fill(key)
    await field.press('Enter')
  }
  await node(page, key).waitFor()
  await page.getByRole('tab', { name: 'Parameters' }).waitFor()
}

async function write(page: Page, path: string, text: string) {
  await page.locator(`[data-field="${path}"] .cm-content`).last().click()
  await page.keyboard.press('Control+a')
  await page.keyboard.insertText(text)
}

/** Fills the form of the selected node with these parameters, whatever their form. */
async function fill(page: Page, params: { [name: string]: unknown }) {
  for (const [name, value] of Object.entries(params)) await fillOne(page, name, value)
}

const row = (page: Page, path: string) => page.locator(`[data-field="${path}"]`)

async function fillOne(page: Page, path: string, value: unknown): Promise<void> {
  if (Array.isArray(value)) {
    for (const [place, item] of value.entries()) {
      await row(page, path).getByRole('button', { name: /^Add/ }).last().click()
      for (const [name, inner] of Object.entries(item as object)) await fillOne(page, `${path}.${place}.${name}`, inner)
    }
  } else if (typeof value === 'object' && value !== null) {
    for (const [name, inner] of Object.entries(value)) {
      // What has a field of its own is filled in; a map gets one more.
      if ((await row(page, `${path}.${name}`).count()) === 0) await addField(page, path, name)
      await fillOne(page, `${path}.${name}`, inner)
    }
  } else await fillPlain(page, path, String(value))
}

async function addField(page: Page, path: string, name: string): Promise<void> {
  await row(page, path).getByRole('button', { name: 'Add a field' }).first().click()
  const key = row(page, path)
    .getByRole('textbox', { name: /: name of field/ })
    .last()
  await key.fill(name)
  await key.press('Enter')
}

async function fillPlain(page: Page, path: string, value: string): Promise<void> {
  const field = row(page, path)
  if ((await field.count()) === 0) await page.getByRole('button', { name: /more parameters/ }).click()
  const select = field.locator('input[aria-haspopup="listbox"]')
  if ((await field.locator('.mantine-TagsInput-root').count()) > 0) {
    await field.locator('input:not([type=hidden])').last().fill(value)
    await page.keyboard.press('Enter')
  } else if ((await select.count()) > 0) {
    await select.first().click()
    await page.getByRole('option', { name: value }).first().click()
  } else await write(page, path, value)
}

/** Connects a port of a node to another node, in the tab of connections. */
async function join(page: Page, from: string, port: string, to: string, toPort: string) {
  await press(page, 'Escape')
  await node(page, from).focus()
  await page.keyboard.press('Space')
  await page.getByRole('tab', { name: 'Connections' }).click()
  const select = page.getByRole('combobox', { name: `Connect port ${port} to` })
  await select.click()
  const name = toPort === 'main' ? to : `${to}, ${toPort}`
  await select.fill(name)
  await page.getByRole('option', { name, exact: true }).click()
}

test("the README's example is built by hand, runs, and gives what the file gives", async () => {
  const { page, watched } = await open(browser, server.url, '/new', { width: 1440, height: 900 })
  page.setDefaultTimeout(8_000)
  await page.getByRole('textbox', { name: 'Name' }).fill('Expense report')
  await page.getByRole('button', { name: 'Create' }).click()
  await page.getByRole('heading', { name: 'What starts this workflow?' }).waitFor()

  const titles = new Map(
    (await server.call<{ actions: { type: string; title: string }[] }>('GET', '/actions')).actions.map((one) => [
      one.type,
      one.title,
    ]),
  )
  for (const one of example.nodes) {
    await add(page, one.type, one.key)
    expect(titles.has(one.type)).toBe(true)
    if (one.params) await fill(page, one.params)
  }

  await page.getByRole('button', { name: 'More', exact: true }).click()
  await page.getByRole('menuitem', { name: 'Settings and variables…' }).click()
  const settings = page.getByRole('dialog')
  for (const [place, [name, value]] of Object.entries(example.variables).entries()) {
    await settings.getByRole('button', { name: 'Add a field' }).click()
    const key = settings.getByRole('textbox', { name: `Variables: name of field ${place + 1}` })
    await key.fill(name)
    await key.press('Enter')
    if (typeof value === 'number')
      await settings.getByRole('button', { name: `Variables: ${name}: write it as JSON` }).click()
    await settings.locator(`[data-field="${name}"] .cm-content`).click()
    await page.keyboard.press('Control+a')
    await page.keyboard.insertText(String(value))
  }
  await page.keyboard.press('Escape')
  await settings.waitFor({ state: 'detached' })

  for (const line of example.connections as string[]) {
    const parts = line.split(' -> ').map((part) => part.split('.'))
    for (let place = 0; place + 1 < parts.length; place++) {
      const [from = '', fromPort = 'main'] = parts[place] ?? []
      const [to = '', toPort = 'main'] = parts[place + 1] ?? []
      await join(page, from, fromPort, to, toPort)
    }
  }
  await press(page, 'l')
  await press(page, 'Escape')
  await page.getByText('Nothing to mend').waitFor()

  await page.getByRole('button', { name: 'Run with input' }).click()
  const input = page.getByRole('dialog').locator('.cm-content')
  await input.click()
  await page.keyboard.press('Control+a')
  await page.keyboard.insertText(JSON.stringify({ file: `${root}examples/data/expenses.csv` }))
  await page.getByRole('dialog').getByRole('button', { name: 'Run', exact: true }).click()
  await page.getByText('Completed', { exact: true }).waitFor()
  await page.getByRole('button', { name: 'Fit View' }).click()
  await page.mouse.move(700, 860)
  await picture(page, 'editor')
  expect(await barriers(page)).toEqual([])

  await node(page, 'text').dblclick()
  await page
    .getByRole('dialog')
    .getByText(/Paid out/)
    .first()
    .waitFor()
  await page.keyboard.press('Escape')

  // What the editor saved says the same as the file.
  const mine = await server.call<{
    workflow: { nodes: { position?: object; key: string }[]; connections: object; variables: object }
  }>('GET', '/workflows/expense-report')
  const file = await server.call<{ workflow: { nodes: object[]; connections: object; variables: object } }>(
    'POST',
    '/workflows/validate',
    { workflow: example },
  )
  const stripped = mine.workflow.nodes.map(({ position: _, ...rest }) => rest)
  expect(stripped).toEqual(file.workflow.nodes)
  expect(mine.workflow.variables).toEqual(file.workflow.variables)
  expect(mine.workflow.connections).toEqual(file.workflow.connections)
  expect(watched.trouble).toEqual([])
}, 180_000)

test('dark, and narrow', async () => {
  const { page } = await open(browser, server.url, '/workflows/expense-report', {
    dark: true,
    width: 1440,
    height: 900,
  })
  await page.getByText('Completed', { exact: true }).waitFor()
  await node(page, 'rules').click()
  await page.getByRole('tab', { name: 'Parameters' }).waitFor()
  expect(await barriers(page)).toEqual([])
  await picture(page, 'editor-dark')
  const { page: narrow } = await open(browser, server.url, '/workflows/expense-report', { width: 390, height: 780 })
  await node(narrow, 'rules').waitFor()
  expect(await barriers(narrow)).toEqual([])
  expect(await narrow.evaluate(() => document.documentElement.scrollWidth <= window.innerWidth)).toBe(true)
  await picture(narrow, 'editor-narrow')
})
