// Error maps: how far a picture is from its target, pixel by pixel, from the pictures as they are in this page.

const ERROR_GAIN = 4;
const INFERNO = [[0, 0, 4], [87, 16, 110], [188, 55, 84], [249, 142, 9], [252, 255, 164]]; // of matplotlib's map of that name (CC0), at quarters
const errorMaps = new Map();

function palette() { // 256 colours between the five
  return Array.from({ length: 256 }, (_, level) => {
    const at = (level / 255) * (INFERNO.length - 1);
    const low = Math.min(Math.floor(at), INFERNO.length - 2);
    return INFERNO[low].map((value, channel) => Math.round(value + (at - low) * (INFERNO[low + 1][channel] - value)));
  });
}

async function samples(source, width, height) {
  const image = new Image();
  image.src = source;
  await image.decode();
  const canvas = make("canvas", { width, height });
  const context = canvas.getContext("2d", { willReadFrequently: true });
  context.drawImage(image, 0, 0);
  return context.getImageData(0, 0, width, height);
}

async function errorMap(shot, target, width, height) { // a canvas's content as an address, made once
  if (!errorMaps.has(shot)) {
    const [ours, theirs] = await Promise.all([shot, target].map((each) => samples(each.src, width, height)));
    const colours = palette();
    for (let at = 0; at < ours.data.length; at += 4) {
      let sum = 0;
      for (let channel = 0; channel < 3; channel += 1) sum += Math.abs(ours.data[at + channel] - theirs.data[at + channel]);
      const colour = colours[Math.min(255, Math.round((sum / 3) * ERROR_GAIN))];
      for (let channel = 0; channel < 3; channel += 1) ours.data[at + channel] = colour[channel];
    }
    const canvas = make("canvas", { width, height });
    canvas.getContext("2d").putImageData(ours, 0, 0);
    errorMaps.set(shot, canvas.toDataURL("image/png"));
  }
  return errorMaps.get(shot);
}
