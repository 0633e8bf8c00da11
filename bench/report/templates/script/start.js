readFragment();
startTables();
startFilters();
startTheme();
startChoices();
startAnswer();
startPictures();
startLinks();
startPrinting();
if (typeof startCharts === "function") startCharts();
if (typeof startRecommender === "function") startRecommender();
addEventListener("hashchange", () => {
  readFragment();
  for (const subscriber of subscribers) subscriber();
});
for (const subscriber of subscribers) subscriber();
