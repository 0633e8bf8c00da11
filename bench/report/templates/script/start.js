startTables();
startFilters();
startTheme();
startChoices();
startAnswer();
startPictures();
startLinks();
startPrinting();
startCharts();
startRecommender();
function showState() {
  readFragment();
  for (const subscriber of subscribers) subscriber();
  if (getState("at")) goTo(getState("at"));
}

addEventListener("popstate", showState);
addEventListener("hashchange", showState);
showState();
