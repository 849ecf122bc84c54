/** A running server inside an agent. */
export interface RunningServer {
  port: number
  close(): Promise<void>
}
