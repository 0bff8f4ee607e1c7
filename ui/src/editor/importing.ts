import { stringify } from 'yaml'
import { Problem } from '~/api/problem'
import type { Action } from '~/api/types'
import { workflows } from '~/api/workflows'
import { parseAll, readYaml } from './yaml'

/** Saves the workflows in some texts, each of which may hold several. Gives their ids; says which could not be read. */
export async function importTexts(texts: string[], actions: Map<string, Action>): Promise<string[]> {
  const ids: string[] = []
  for (const text of texts.flatMap(separate)) {
    const read = readYaml(text, actions)
    if ('errors' in read) throw new Error(`This can't be imported: ${read.errors[0]?.message}`)
    await workflows.create(read.document).catch(async (error) => {
      if (!(error instanceof Problem) || error.code !== 'workflow.exists') throw error
      throw new Error(
        `There is a workflow ${read.document.id} already. Give the file another id, or open that one and paste the YAML.`,
      )
    })
    ids.push(read.document.id)
  }
  return ids
}

/** A text of several workflows, documents or a list, as texts of one. */
export function separate(text: string): string[] {
  const documents = parseAll(text)
  if (!Array.isArray(documents)) return [text]
  return documents.flatMap((document) => {
    const value = document.toJS()
    if (Array.isArray(value)) return value.map((one) => stringify(one))
    return documents.length === 1 ? [text] : [document.toString({ directives: false })]
  })
}
