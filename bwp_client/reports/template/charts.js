"use strict";
(async () => {
  const figures = JSON.parse(document.getElementById("figures").textContent);
  for (const [name, figure] of Object.entries(figures)) {
    const layout = Object.assign({}, figure.layout, { paper_bgcolor: "#ffffff" });
    const picture = { data: figure.data, layout };
    const image = document.createElement("img");
    image.id = "picture-" + name;
    image.src = await Plotly.toImage(picture, { format: "png", width: 980, height: figure.layout.height, scale: 2 });
    document.body.append(image);
  }
})();
