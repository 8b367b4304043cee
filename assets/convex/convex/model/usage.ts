/** What a batch has read and written so far, so that it ends by itself before Convex ends it. */
import { getConvexSize, type Value } from "convex/values";
import { BATCH_READ_BYTES, BATCH_WRITTEN_BYTES, BATCH_WRITTEN_DOCS } from "./limits";

export class Usage {
  private readBytes = 0;
  private writtenBytes = 0;
  private writtenDocs = 0;

  read(doc: unknown): void {
    this.readBytes += getConvexSize(doc as Value);
    this.check();
  }

  write(doc: unknown): void {
    this.writtenBytes += getConvexSize(doc as Value);
    this.writtenDocs++;
    this.check();
  }

  /** Not a Refusal: no op is at fault, and a device that sent several sends fewer next time. */
  private check(): void {
    if (
      this.readBytes > BATCH_READ_BYTES ||
      this.writtenBytes > BATCH_WRITTEN_BYTES ||
      this.writtenDocs > BATCH_WRITTEN_DOCS
    ) {
      throw new Error("The batch touches too much; send fewer ops.");
    }
  }
}
