import { createApp } from "vue";
import { tidegate } from "../tidegate.js";
import Basket from "./Basket.vue";

const app = createApp(Basket);
// What Vue catches no `error` event tells.
app.config.errorHandler = (error, _component, info) => tidegate.error(error, { info });
app.mount("#app");
