// What a page does when it opens.

const scenes = new Map(data.viewer.scenes.map((scene) => [scene.name, scene]));
const host = document.getElementById("viewer");
const open = host ? pictureViewer(host, data.viewer) : () => {};
for (const table of data.tables) interactiveTable(document.getElementById(table.id), table, host ? scenes : new Map(), open);
document.querySelectorAll(".scroll").forEach(markScroll);
