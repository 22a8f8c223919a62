/** Which kinds of local media to capture. */
export interface CaptureKinds {
  video: boolean;
  audio: boolean;
}

/** What was captured, and why it is less than what was asked for. */
export interface Capture {
  /** `null` when nothing could be captured, or nothing was asked for. */
  stream: MediaStream | null;
  /** A sentence for the person at the screen; `null` when everything asked for is there. */
  notice: string | null;
}

// Ideal, not exact: a camera that cannot do 720p30 gives the nearest that it has.
const VIDEO: MediaTrackConstraints = {
  width: { ideal: 1280 },
  height: { ideal: 720 },
  frameRate: { ideal: 30 },
};

/**
 * Opens the camera and the microphone, or as much of them as there is. Never rejects: a call is worth joining
 * without a camera, so a missing or refused device becomes a notice.
 */
export async function openCapture(wanted: CaptureKinds): Promise<Capture> {
  if (!wanted.video && !wanted.audio) {
    return { stream: null, notice: null };
  }
  if (!navigator.mediaDevices) {
    return {
      stream: null,
      notice: "Browsers open cameras only on HTTPS pages and on localhost. You joined as a viewer.",
    };
  }
  let firstFailure: unknown;
  for (const kinds of fallbacks(wanted)) {
    try {
      const stream = await navigator.mediaDevices.getUserMedia({
        video: kinds.video ? VIDEO : false,
        audio: kinds.audio,
      });
      return { stream, notice: firstFailure ? `${reason(firstFailure)} ${consequence(kinds)}` : null };
    } catch (failure) {
      firstFailure ??= failure;
    }
  }
  return { stream: null, notice: `${reason(firstFailure)} You joined as a viewer.` };
}

/** Ends every track of a stream: the device's light goes out. */
export function closeCapture(stream: MediaStream): void {
  for (const track of stream.getTracks()) {
    track.stop();
  }
}

/** One missing device fails the whole request, so each kind is then asked for alone. */
function fallbacks(wanted: CaptureKinds): CaptureKinds[] {
  if (!(wanted.video && wanted.audio)) {
    return [wanted];
  }
  return [wanted, { video: false, audio: true }, { video: true, audio: false }];
}

function reason(failure: unknown): string {
  switch (failure instanceof DOMException ? failure.name : "") {
    case "NotFoundError":
      return "No camera or no microphone was found.";
    case "NotAllowedError":
      return "The browser was not allowed to use the camera and microphone.";
    case "NotReadableError":
      return "The camera or microphone is in use by another program.";
    default:
      return "The camera or microphone could not be opened.";
  }
}

function consequence(kinds: CaptureKinds): string {
  return kinds.video ? "You joined with video only." : "You joined with sound only.";
}
