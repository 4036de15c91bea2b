/** The name of the tab: the page, and whose it is. */
import { useEffect } from "react";

export function useTitle(title: string, project = "Descent"): void {
  useEffect(() => {
    document.title = `${title} · ${project}`;
  }, [title, project]);
}
