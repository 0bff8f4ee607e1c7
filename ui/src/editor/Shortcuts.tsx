import { Kbd, Modal, Table } from '@mantine/core'

const KEYS: [string[], string][] = [
  [['A'], 'Add a node'],
  [['Enter'], 'Open the node'],
  [['Delete'], 'Delete what is selected'],
  [['Ctrl', 'C'], 'Copy as JSON'],
  [['Ctrl', 'X'], 'Cut'],
  [['Ctrl', 'V'], 'Paste'],
  [['Ctrl', 'D'], 'Duplicate'],
  [['Ctrl', 'A'], 'Select all'],
  [['Ctrl', 'Z'], 'Undo'],
  [['Ctrl', 'Shift', 'Z'], 'Redo'],
  [['Ctrl', 'S'], 'Save as a version'],
  [['Ctrl', 'Enter'], 'Run'],
  [['L'], 'Lay out'],
  [['Y'], 'YAML'],
  [['D'], 'Disable or enable the node'],
  [['P'], 'Pin or unpin the last output'],
  [['Tab'], 'To the next node'],
  [['Arrows'], 'Move the selected nodes'],
  [['Shift', 'Drag'], 'Select several'],
  [['Esc'], 'Close, select nothing'],
  [['?'], 'These keys'],
]

/** All keys of the editor. */
export function Shortcuts({ onClose }: { onClose: () => void }) {
  return (
    <Modal opened onClose={onClose} title="Keys">
      <Table verticalSpacing={5} withRowBorders={false}>
        <Table.Tbody>
          {KEYS.map(([keys, what]) => (
            <Table.Tr key={what}>
              <Table.Td w={170}>
                {keys.map((key, place) => (
                  <span key={key}>
                    {place > 0 && ' + '}
                    <Kbd size="sm">{key}</Kbd>
                  </span>
                ))}
              </Table.Td>
              <Table.Td>{what}</Table.Td>
            </Table.Tr>
          ))}
        </Table.Tbody>
      </Table>
    </Modal>
  )
}
