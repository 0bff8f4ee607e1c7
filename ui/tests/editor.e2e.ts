import type { Browser, Page } from 'playwright-core'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { barriers, launch, open, picture } from './support/app'
import { type Server, startServer, until } from './support/server'

let server: Server
let browser: Browser

beforeAll(async () => {
  server = await startServer()
  browser = await launch()
})

afterAll(async () => {
  await browser?.close()
  await server?.stop()
})

/** Adds a node by the keyboard: the palette, some letters, Enter. */
async function add(page: Page, words: string, key: string) {
  await page.keyboard.press('a')
  await page.getByRole('combobox', { name: 'Search what a node can do' }).fill(words)
  await page.keyboard.press('Enter')
  await node(page, key).waitFor()
}

const node = (page: Page, key: string) => page.locator(`.react-flow__node[data-id="${key}"]`)

/** The text field of a parameter, by its path: `condition`, `fields.total`. */
const field = (page: Page, path: string) => page.locator(`[data-field="${path}"] .cm-content`).last()

async function fill(page: Page, path: string, text: string) {
  await field(page, path).click()
  await page.keyboard.press('Control+a')
  await page.keyboard.insertText(text)
}

/** Presses a key on the canvas, not in a field. */
async function press(page: Page, key: string) {
  await page
    .locator('.react-flow__pane')
    .focus()
    .catch(() => {})
  await page.evaluate(() => (document.activeElement as HTMLElement | null)?.blur())
  await page.keyboard.press(key)
}

const saved = (id: string) =>
  server.call<{
    version: number
    workflow: { nodes: { key: string; params?: object; position?: object }[]; connections: object }
  }>('GET', `/workflows/${id}`)

test('from nothing to a first finished workflow, without YAML', async () => {
  const { page, watched } = await open(browser, server.url, '/workflows')
  await page.getByRole('heading', { name: 'Make your first workflow' }).waitFor()
  expect(await barriers(page)).toEqual([])
  await picture(page, 'first-workflow')
  await page.getByRole('link', { name: 'Start with an empty one' }).click()
  await page.getByRole('textbox', { name: 'Name' }).fill('Greeting')
  await page.getByRole('button', { name: 'Create' }).click()

  await page.getByRole('heading', { name: 'What starts this workflow?' }).waitFor()
  expect(await barriers(page)).toEqual([])
  await page.getByRole('button', { name: /By hand/ }).click()
  await node(page, 'trigger').waitFor()
  await press(page, 'Escape')
  await node(page, 'trigger').click()
  await page.evaluate(() => (document.activeElement as HTMLElement | null)?.blur())
  await add(page, 'set data', 'set_data')

  // It is connected to what was selected, and its parameters are asked for.
  await page.getByText('1 to mend').waitFor()
  await page.getByRole('button', { name: 'Add a field' }).click()
  const name = page.getByRole('textbox', { name: 'Fields: name of field 1' })
  await name.fill('greeting')
  await name.press('Enter')
  await fill(page, 'fields.greeting', 'Hello, {{ $input.name | upper }}!')
  await page.getByText('Nothing to mend').waitFor()

  await page.getByRole('button', { name: 'Run with input' }).click()
  const input = page.getByRole('dialog').locator('.cm-content')
  await input.click()
  await page.keyboard.press('Control+a')
  await page.keyboard.insertText('{"name": "Ada"}')
  await page.getByRole('dialog').getByRole('button', { name: 'Run', exact: true }).click()
  await page.getByText('Completed', { exact: true }).waitFor()

  // The preview has the data of the run now, and the node its output.
  await page.getByText('Hello, ADA!').first().waitFor()
  await node(page, 'set_data').dblclick()
  const dialog = page.getByRole('dialog')
  await dialog.getByRole('tree', { name: 'Output of set_data' }).getByText('Hello, ADA!').waitFor()
  await dialog.getByRole('tree', { name: 'Input from trigger' }).getByText('Ada').waitFor()
  expect(await barriers(page)).toEqual([])
  await picture(page, 'node')
  await page.keyboard.press('Escape')
  expect((await saved('greeting')).workflow.connections).toEqual({ trigger: { main: [{ to: 'set_data' }] } })
  expect(watched.trouble).toEqual([])
  await page.close()
})

test('templates are completed, checked and shown as one types', async () => {
  const { page } = await open(browser, server.url, '/workflows/greeting?node=set_data')
  const dialog = page.getByRole('dialog')
  await dialog.getByText('Hello, ADA!').first().waitFor()
  await field(page, 'fields.greeting').click()
  await page.keyboard.press('Control+a')
  await page.keyboard.type('{{ $input.')
  await page.locator('.cm-tooltip-autocomplete').getByText('name').waitFor()
  await page.keyboard.press('Enter')
  await page.keyboard.type(' | rev')
  await page.locator('.cm-tooltip-autocomplete').getByText('reverse', { exact: false }).first().waitFor()
  await page.keyboard.press('Enter')
  await dialog.getByText('adA').first().waitFor()
  await fill(page, 'fields.greeting', '{{ $input.name | revers }}')
  await dialog
    .getByText(/reverse/)
    .first()
    .waitFor()
  await until(async () => (await field(page, 'fields.greeting').getAttribute('aria-invalid')) === 'true')
  await page.close()
})

test('what is dragged from the input becomes an expression', async () => {
  const { page } = await open(browser, server.url, '/workflows/greeting?node=set_data')
  const dialog = page.getByRole('dialog')
  const row = dialog
    .getByRole('tree', { name: 'Input from trigger' })
    .getByRole('treeitem')
    .filter({ hasText: 'name' })
    .last()
  await row.waitFor()
  await fill(page, 'fields.greeting', 'x')
  await row.dragTo(field(page, 'fields.greeting'))
  await until(async () => (await field(page, 'fields.greeting').textContent())?.includes('{{ $input.name }}'))
  await page.close()
})

test('one step is run again with changed parameters, and what is older is marked', async () => {
  const { page } = await open(browser, server.url, '/workflows/greeting?node=set_data')
  const dialog = page.getByRole('dialog')
  await dialog.getByRole('tree', { name: 'Output of set_data' }).getByText('Hello, ADA!').waitFor()
  await fill(page, 'fields.greeting', 'Bye, {{ $input.name }}')
  await dialog.getByText(/Older than the parameters/).waitFor()
  await dialog.getByRole('button', { name: 'Run this step' }).click()
  await dialog.getByRole('tree', { name: 'Output of set_data' }).getByText('Bye, Ada').waitFor()
  await dialog.getByText(/Older than the parameters/).waitFor({ state: 'detached' })

  // Pinned, it isn't run any more.
  await dialog.getByRole('button', { name: 'Pin this output' }).click()
  await dialog.getByRole('textbox', { name: 'Pinned output' }).click()
  await page.keyboard.press('Control+a')
  await page.keyboard.insertText('{"greeting": "pinned"}')
  await page.keyboard.press('Escape')
  await dialog.waitFor({ state: 'detached' })
  await press(page, 'Control+Enter')
  await page.getByText('Run of version 3').waitFor()
  await page.getByRole('button', { name: 'What passed' }).click()
  await page
    .getByRole('table', { name: /What passed the nodes/ })
    .getByText('pinned')
    .waitFor()
  await page.close()
})

test('undo, redo, copy, paste and delete, by keys', async () => {
  await server.call('POST', '/workflows', {
    id: 'keys',
    nodes: [
      { key: 'start', type: 'manual.trigger' },
      { key: 'a', type: 'core.no_op' },
    ],
    connections: ['start -> a'],
  })
  const { page } = await open(browser, server.url, '/workflows/keys')
  await node(page, 'a').click()
  await press(page, 'Control+d')
  await node(page, 'a_2').waitFor()
  await press(page, 'Control+z')
  await node(page, 'a_2').waitFor({ state: 'detached' })
  await press(page, 'Control+Shift+Z')
  await node(page, 'a_2').waitFor()
  await press(page, 'Control+a')
  await press(page, 'Delete')
  await page.getByRole('heading', { name: 'What starts this workflow?' }).waitFor()
  await press(page, 'Control+z')
  await node(page, 'a_2').waitFor()
  // Connected by keyboard alone.
  await node(page, 'a').click()
  await page.getByRole('tab', { name: 'Connections' }).click()
  await page.getByRole('combobox', { name: 'Connect port main to' }).click()
  await page.keyboard.type('a_2')
  await page.keyboard.press('ArrowDown')
  await page.keyboard.press('Enter')
  await page.locator('.react-flow__edge').nth(1).waitFor({ state: 'attached' })
  await press(page, 'Control+s')
  await page.getByText('Saved as version 2').waitFor()
  expect((await saved('keys')).workflow.connections).toEqual({
    start: { main: [{ to: 'a' }] },
    a: { main: [{ to: 'a_2' }] },
  })
  await page.close()
})

test('dragging from a port makes the next node; dragging a box moves it and nothing else', async () => {
  await server.call('POST', '/workflows', { id: 'drag', nodes: [{ key: 'start', type: 'manual.trigger' }] })
  const { page } = await open(browser, server.url, '/workflows/drag')
  const port = node(page, 'start').locator('.react-flow__handle.source')
  const from = await port.boundingBox()
  if (!from) throw new Error('the port is on the page')
  await page.mouse.move(from.x + 5, from.y + 5)
  await page.mouse.down()
  await page.mouse.move(from.x + 150, from.y + 90, { steps: 8 })
  await page.mouse.up()
  await page.getByRole('combobox', { name: 'Search what a node can do' }).fill('log')
  await page.keyboard.press('Enter')
  await node(page, 'log').waitFor()
  await page.locator('.react-flow__edge').waitFor({ state: 'attached' })

  const box = await node(page, 'log').boundingBox()
  if (!box) throw new Error('the node is on the page')
  await page.mouse.move(box.x + 60, box.y + 20)
  await page.mouse.down()
  await page.mouse.move(box.x + 60, box.y + 160, { steps: 6 })
  await page.mouse.up()
  await press(page, 'Control+s')
  await page.getByText('Saved as version 2').waitFor()
  const { workflow } = await saved('drag')
  expect(workflow.nodes.every((one) => one.position)).toBe(true)
  expect(workflow.connections).toEqual({ start: { main: [{ to: 'log' }] } })
  await page.close()
})

test('YAML and canvas are in step, both ways', async () => {
  await server.call('POST', '/workflows', { id: 'yaml', nodes: [{ key: 'start', type: 'manual.trigger' }] })
  const { page, watched } = await open(browser, server.url, '/workflows/yaml')
  await node(page, 'start').waitFor()
  await press(page, 'y')
  const text = page.locator('.cm-content[aria-label^="The workflow as YAML"]')
  await text.click()
  await page.keyboard.press('Control+End')
  await page.keyboard.insertText('\n  # a note\n  - {key: next, type: core.no_op}\nconnections:\n  - start -> next\n')
  await node(page, 'next').waitFor()
  await page.locator('.react-flow__edge').waitFor({ state: 'attached' })
  await node(page, 'next').click()
  await press(page, 'Delete')
  await until(async () => !(await text.textContent())?.includes('key: next'))
  await press(page, 'Control+z')
  await until(async () => (await text.textContent())?.includes('start -> next'))
  await text.click()
  await page.keyboard.press('Control+Home')
  await page.keyboard.insertText('[')
  await page.getByText(/Not in step with the canvas/).waitFor()
  expect(await barriers(page)).toEqual([])
  expect(watched.trouble).toEqual([])
  await page.close()
})

test('two tabs that edit the same workflow: the second is asked', async () => {
  await server.call('POST', '/workflows', {
    id: 'tabs',
    name: 'Two tabs',
    nodes: [{ key: 'start', type: 'manual.trigger' }],
  })
  const { page: one } = await open(browser, server.url, '/workflows/tabs')
  const { page: other } = await open(browser, server.url, '/workflows/tabs')
  for (const page of [one, other]) await node(page, 'start').click()
  await add(one, 'log', 'log')
  await press(one, 'Control+s')
  await one.getByText('Saved as version 2').waitFor()
  await add(other, 'no_op', 'no_op')
  await press(other, 'Control+s')
  const dialog = other.getByRole('dialog', { name: 'Somebody saved a newer version' })
  await dialog.getByText(/Version 2 was saved while you were editing/).waitFor()
  await dialog
    .getByText('added: - {key: no_op')
    .or(dialog.locator('[data-kind="new"]', { hasText: 'no_op' }).first())
    .first()
    .waitFor()
  expect(await barriers(other)).toEqual([])
  await dialog.getByRole('button', { name: 'Save mine as version 3' }).click()
  await other.getByText('Saved as version 3').waitFor()
  expect((await saved('tabs')).workflow.nodes.map((one) => one.key)).toEqual(['start', 'no_op'])
  // Every version is kept, and can be compared.
  await other.goto('/workflows/tabs/versions?from=2&to=3')
  await other.locator('[data-kind="gone"]', { hasText: 'log' }).first().waitFor()
  expect(await barriers(other)).toEqual([])
  await one.close()
  await other.close()
})

test('workflows are activated, exported, imported and deleted from the list', async () => {
  const { page } = await open(browser, server.url, '/workflows')
  const row = page.getByRole('row', { name: /Two tabs/ })
  const isActive = row.getByRole('switch', { name: 'Two tabs is active' })
  await row.locator('label').first().click()
  await until(
    async () =>
      (await server.call<{ workflows: { id: string; active: number | null }[] }>('GET', '/workflows')).workflows.find(
        (one) => one.id === 'tabs',
      )?.active === 3,
  )
  expect(await isActive.isChecked()).toBe(true)
  await page.getByRole('textbox', { name: 'Search workflows' }).fill('two')
  await page.getByRole('row', { name: /greeting/i }).waitFor({ state: 'detached' })
  expect(await barriers(page)).toEqual([])

  await row.getByRole('button', { name: 'More for Two tabs' }).click()
  const downloading = page.waitForEvent('download')
  await page.getByRole('menuitem', { name: 'Export as YAML' }).click()
  const file = await (await downloading).path()
  await row.getByRole('button', { name: 'More for Two tabs' }).click()
  await page.getByRole('menuitem', { name: 'Delete…' }).click()
  await page.getByRole('button', { name: 'Delete', exact: true }).click()
  await row.waitFor({ state: 'detached' })
  await page.locator('input[type=file]').setInputFiles({
    name: 'tabs.yaml',
    mimeType: 'text/yaml',
    buffer: await (await import('node:fs/promises')).readFile(file),
  })
  await node(page, 'no_op').waitFor()
  await page.close()
})

test('a test webhook waits for one request, and shows what it gave', async () => {
  await server.call('POST', '/workflows', {
    id: 'hook',
    nodes: [
      { key: 'hook', type: 'webhook.trigger', params: { path: 'orders' } },
      { key: 'total', type: 'data.set_data', params: { fields: { items: '{{ $input.body.items | length }}' } } },
    ],
    connections: ['hook -> total'],
  })
  const { page } = await open(browser, server.url, '/workflows/hook')
  await node(page, 'hook').waitFor()
  await page.getByRole('button', { name: 'Run with input' }).click()
  await page.getByRole('button', { name: 'Listen for a test request' }).click()
  await page.getByText('Waiting for one POST to').waitFor()
  expect(await barriers(page)).toEqual([])
  const request = { method: 'POST', headers: { 'content-type': 'application/json' }, body: '{"items": [1, 2, 3]}' }
  await until(async () => (await fetch(`${server.url}/webhook-test/orders`, request)).ok)
  await page.getByText('Completed', { exact: true }).waitFor()
  await node(page, 'total').dblclick()
  await page.getByRole('dialog').getByRole('tree', { name: 'Output of total' }).getByText('3').waitFor()
  await page.close()
})

test('a workflow is run up to a node, and goes on from there', async () => {
  await server.call('POST', '/workflows', {
    id: 'steps',
    nodes: [
      { key: 'start', type: 'manual.trigger' },
      { key: 'a', type: 'data.set_data', params: { fields: { n: 1 } } },
      { key: 'b', type: 'data.set_data', params: { fields: { n: '{{ $input.n + 1 }}' } } },
    ],
    connections: ['start -> a -> b'],
  })
  const { page } = await open(browser, server.url, '/workflows/steps?node=a')
  const dialog = page.getByRole('dialog')
  await dialog.getByRole('button', { name: 'Run up to here' }).click()
  await dialog.getByRole('tree', { name: 'Output of a' }).getByText('1').waitFor()
  const runs = () => server.call<{ executions: { id: string }[] }>('GET', '/executions?workflow_id=steps')
  const keysOf = async (id = '') =>
    (
      await server.call<{ node_executions: { node_key: string }[] }>('GET', `/executions/${id}/node_executions`)
    ).node_executions.map((one) => one.node_key)
  expect(await keysOf((await runs()).executions[0]?.id)).toEqual(['start', 'a'])
  await dialog.getByRole('button', { name: 'Run from here' }).click()
  await until(async () => (await runs()).executions.length === 2)
  await until(async () => (await keysOf((await runs()).executions[0]?.id)).includes('b'))
  await page.close()
})

test('names of secrets are completed where secrets may be used', async () => {
  await server.call('PUT', '/secrets/shop_token', { value: 'correct horse', allowed_hosts: ['shop.example'] })
  await server.call('POST', '/workflows', {
    id: 'secrets',
    nodes: [
      { key: 'start', type: 'manual.trigger' },
      { key: 'ask', type: 'http.request', params: { url: 'https://shop.example' } },
      { key: 'set', type: 'data.set_data', params: { fields: { a: 'x' } } },
    ],
    connections: ['start -> ask -> set'],
  })
  const { page } = await open(browser, server.url, '/workflows/secrets?node=ask')
  const options = page.locator('.cm-tooltip-autocomplete')
  await page.getByRole('dialog').getByRole('tab', { name: 'Parameters' }).waitFor()
  await field(page, 'url').click()
  await page.keyboard.press('Control+a')
  await page.keyboard.type('{{ $secrets.')
  await options.getByText('shop_token').waitFor()
  await page.goto('/workflows/secrets?node=set')
  await field(page, 'fields.a').click()
  await page.keyboard.press('Control+a')
  await page.keyboard.type('{{ $')
  await options.getByText('$input', { exact: true }).waitFor()
  expect(await options.getByText('$secrets').count()).toBe(0)
  await page.close()
})

test('long whole numbers keep their digits, in what is shown and in what is saved', async () => {
  const long = '9007199254740993'
  await fetch(`${server.url}/api/v1/workflows`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: `{"id": "long", "nodes": [{"key": "start", "type": "manual.trigger"},
      {"key": "set", "type": "data.set_data", "params": {"fields": {"id": ${long}}}}], "connections": ["start -> set"]}`,
  })
  const { page } = await open(browser, server.url, '/workflows/long')
  await page.getByRole('textbox', { name: 'Name of the workflow' }).fill('Renamed')
  await page.getByRole('button', { name: 'Run', exact: true }).click()
  await page.getByText('Completed', { exact: true }).waitFor()
  await node(page, 'set').dblclick()
  const dialog = page.getByRole('dialog')
  await dialog.getByRole('tree', { name: 'Output of set' }).getByText(long, { exact: true }).waitFor()
  await until(async () => (await dialog.locator('[data-field="fields.id"] .cm-content').textContent())?.includes(long))
  const stored = await (await fetch(`${server.url}/api/v1/workflows/long`)).text()
  expect(stored).toContain('Renamed')
  expect(stored).toContain(long)
  await page.close()
})
