"""The puppet: one still portrait and one line of text become a talking clip, on this machine.

Read render.py first: it runs in a process of its own and calls the others in order: speech,
landmarks, framing, acting, then for each frame face (with mouth and eyes), sway, film.
"""
