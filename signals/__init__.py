"""What a sender said: bodies become typed signals here, or a refusal that names each field."""
