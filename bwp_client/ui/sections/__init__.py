"""The sections of pages, one module each. `draw_…` functions write Streamlit elements; all others compute."""
