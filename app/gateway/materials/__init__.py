"""What a production uploads for a scene: a first frame, footage, a driving performance, a voice."""
